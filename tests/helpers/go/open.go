// open MODE PATH...: the twin of static_open.c in Go, linked statically.
package main

import (
	"fmt"
	"os"
)

func main() {
	for i := 1; i+1 < len(os.Args); i += 2 {
		flags := os.O_RDONLY
		if os.Args[i] == "w" {
			flags = os.O_WRONLY | os.O_CREATE
		}
		f, err := os.OpenFile(os.Args[i+1], flags, 0644)
		if err != nil {
			fmt.Println(err)
			continue
		}
		f.Close()
	}
}
