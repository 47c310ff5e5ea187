// fetch URL: print the body, or the error and exit 1.  No proxy from the
// environment, Go's own resolver, linked statically.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func main() {
	client := &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second}
	r, err := client.Get(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	io.Copy(os.Stdout, r.Body)
}
