/* kv_policy.h: how a policy says where the pages of a context's keys and values should lie. The policies of
 * phios stand behind this interface, and so does one of a user's own: a shared library that exports
 * phi_kv_policy_v1, named by --kv FILE.so. C and C++.
 *
 * Ownership: what an argument points to is the kernel's and lasts for the call; a policy's table is the
 * library's and lasts as long as the process. Threads: choose() is called on one thread at a time, between
 * two passes, so it must be quick and must not block. Units: tokens. */
#ifndef PHIOS_KV_POLICY_H
#define PHIOS_KV_POLICY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PHI_KV_POLICY_VERSION 2
#define PHI_KV_PAGE_TOKENS 16
/* Pages of the first and of the newest so many tokens stay in f16, whatever a policy wants. */
#define PHI_KV_SINKS 64
#define PHI_KV_WINDOW 256

/* Where a page lies, from warm to cold. PHI_KV_DROP: attention passes over it from now on. A page never gets
 * warmer. */
enum { PHI_KV_F16, PHI_KV_INT8, PHI_KV_INT4, PHI_KV_INT2, PHI_KV_DROP };
/* Who wrote a page's tokens; of several the last of this list. */
enum { PHI_KV_PROMPT, PHI_KV_MODEL, PHI_KV_RESULT };

typedef struct phi_kv_page {
  uint32_t first;     /* position of its first token */
  uint32_t tokens;    /* in use, 1 ... 16 */
  uint8_t place;      /* PHI_KV_F16 ... PHI_KV_DROP */
  uint8_t origin;     /* PHI_KV_PROMPT ... */
  uint8_t is_special; /* it holds text of a system call, or of an answer */
  uint8_t is_pinned;  /* by ctx_pin: never dropped */
  uint32_t shot; /* counts the prompt's pieces, each after an empty line: examples, passages, the question */
  float mass;    /* attention that the page has received, of each token 1 in all; negative: not known */
  float recent_mass; /* the same, but what is older by a token counts a 32nd less */
} phi_kv_page;

typedef struct phi_kv_state {
  uint32_t size; /* of this struct, which later versions may lengthen */
  uint32_t n_pages;
  const phi_kv_page* pages; /* in order of position */
  uint32_t positions;       /* of the context that are computed */
  uint32_t prompt;          /* of them, those before the first that the model wrote */
  int64_t parameter;        /* the number behind the policy's name, as in window:1024; 0: none */
} phi_kv_state;

typedef struct phi_kv_policy {
  uint32_t version;    /* PHI_KV_POLICY_VERSION */
  uint32_t needs_mass; /* not 0: it can do nothing without attention masses */
  const char* name;
  /* wanted: n_pages places, which hold the present ones. */
  void (*choose)(const phi_kv_state* state, uint8_t* wanted);
} phi_kv_policy;

/* What a library exports: its policy. */
typedef const phi_kv_policy* (*phi_kv_policy_entry)(void);
#define PHI_KV_POLICY_SYMBOL "phi_kv_policy_v1"

#ifdef __cplusplus
}
#endif

#endif
