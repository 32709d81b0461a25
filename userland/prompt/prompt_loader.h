/* prompt_loader.h: prompt programs, Markdown files with YAML front matter, as a program kind (".md").
 *
 * Ownership: the loader has no state. Threads: any, at once. Errors: PHI_EPARSE_ and PHI_ETOOBIG_; the
 * message begins with file:line. The format is in docs/formats/prompt.md. */
#ifndef PHIOS_PROMPT_LOADER_H
#define PHIOS_PROMPT_LOADER_H

#include "syscalls/abi/phios.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For phi_loader_register. */
phi_loader phi_prompt_loader(void);

#ifdef __cplusplus
}
#endif

#endif
