/* A page policy: answers of tools are kept in int8, everything else behind the newest window in int4.
 *
 *   cc -shared -fPIC -I /path/to/phios -o mine.so kv_policy.c
 *   phios run count 3 --kv ./mine.so */
#include "syscalls/abi/kv_policy.h"

static void choose(const phi_kv_state* state, uint8_t* wanted) {
  for (uint32_t i = 0; i < state->n_pages; i++) {
    wanted[i] = state->pages[i].origin == PHI_KV_RESULT ? PHI_KV_INT8 : PHI_KV_INT4;
  }
}

static const phi_kv_policy policy = {PHI_KV_POLICY_VERSION, 0, "mine", choose};

__attribute__((visibility("default"))) const phi_kv_policy* phi_kv_policy_v1(void) { return &policy; }
