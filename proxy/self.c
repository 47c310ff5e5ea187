#include "proxy/self.h"

#include <stdio.h>
#include <string.h>

#include "policy/addr.h"
#include "policy/host.h"
#include "policy/image.h"

static const char blanks[] = " \t\r\n";

bool proxy_self_has(const struct proxy_self *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->names[i], name) == 0)
            return true;
    return false;
}

/* An address is no name. */
static bool make_canonical(const char *text, size_t len,
                           char out[PROXY_SELF_SIZE])
{
    struct policy_addr a;

    return policy_host_canonical(text, len, out, PROXY_SELF_SIZE) &&
           !policy_addr_parse(out, strlen(out), &a);
}

static void add(struct proxy_self *s, const char *text, size_t len)
{
    char name[PROXY_SELF_SIZE];

    if (s->n == PROXY_SELF_NAMES || !make_canonical(text, len, name) ||
        proxy_self_has(s, name) || policy_host_is_localhost(name))
        return;
    memcpy(s->names[s->n++], name, sizeof(name));
}

/* hosts(5): an address, then names.  With `take` all of them are ours; else:
 * is one? */
static bool walk_line(struct proxy_self *s, const char *line, bool take)
{
    const char *at = line + strspn(line, blanks);
    bool first = true;
    size_t n;

    for (; (n = strcspn(at, " \t\r\n#")) > 0;
         at += n, at += strspn(at, blanks)) {
        char name[PROXY_SELF_SIZE];

        if (!first && take)
            add(s, at, n);
        else if (!first && make_canonical(at, n, name) &&
                 proxy_self_has(s, name))
            return true;
        first = false;
    }
    return false;
}

void proxy_self_read(struct proxy_self *s, const char *hostname,
                     const char *hosts_file)
{
    char line[1024];
    FILE *f;

    s->n = 0;
    add(s, hostname, strlen(hostname));
    add(s, hostname, strcspn(hostname, "."));
    f = fopen(hosts_file != NULL ? hosts_file : "/etc/hosts", "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (walk_line(s, line, false))
            (void)walk_line(s, line, true);
    if (f != NULL)
        (void)fclose(f);
}
