/* Paths as text: no system call, no symlink is ever followed here. */
#ifndef SRT_BASE_PATH_H
#define SRT_BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* Longest path handled, with its NUL (PATH_MAX of Linux and macOS is less or
 * equal; longer paths cannot be named to the kernel in one call). */
#define SRT_PATH_MAX 4096

/* Absolute path -> the same without "//", "." and a trailing "/".  ".." is
 * resolved textually ("/.." is "/"): only for text that has no symlinks in
 * front of it.  In place is fine (out == path).  False: not absolute, or too
 * long for size. */
bool srt_path_clean(const char *path, char *out, size_t size);

/* base "/" rel, cleaned; rel absolute: rel alone. */
bool srt_path_join(const char *base, const char *rel, char *out, size_t size);

/* path is root or lies below it; both cleaned.  "/" holds everything. */
bool srt_path_under(const char *path, const char *root);

/* Components of a cleaned path: "/" 0, "/a/b" 2. */
size_t srt_path_depth(const char *path);

/* "/a/b" -> "/a" in parent, returns "b" (borrowed from path); "/" -> "/", "".
 * NULL: parent does not fit. */
const char *srt_path_split(const char *path, char *parent, size_t size);

#endif
