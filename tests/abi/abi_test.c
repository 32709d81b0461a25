/* A C program that links libphios: calls, errors, a model's own calls, spawn, fork, wait, limits, channels.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "syscalls/abi/phios.h"
#include "syscalls/abi/phios_calls.h"

static int failures = 0;

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      failures++;                                                     \
    }                                                                 \
  } while (0)

static const int64_t soon = 20000000000; /* nanoseconds */

static void test_cells(phi_proc* proc) {
  char value[64];
  size_t len = 0;
  CHECK(phi_mem_write(proc, "a", "7") == PHI_OK);
  CHECK(phi_mem_read(proc, "a", value, sizeof value, &len) == PHI_OK);
  CHECK(len == 1 && strcmp(value, "7") == 0);
  CHECK(phi_mem_add(proc, "a", "100000000000000000000", value, sizeof value, &len) == PHI_OK);
  CHECK(strcmp(value, "100000000000000000007") == 0);
  CHECK(phi_mem_move(proc, "b", "a") == PHI_OK);
  CHECK(phi_mem_read(proc, "a", value, sizeof value, &len) == PHI_ENOENT_);
  CHECK(strlen(phi_error_message(proc)) > 0);
  CHECK(phi_mem_delete(proc, "b") == PHI_OK);
  CHECK(phi_mem_delete(proc, "b") == PHI_OK);
  CHECK(phi_mem_write(proc, "/mem/abi-test", "kept") == PHI_OK);
  CHECK(phi_mem_write(proc, "p", "/mem/abi-test") == PHI_OK);
  CHECK(phi_mem_read(proc, "@p", value, sizeof value, &len) == PHI_OK);
  CHECK(strcmp(value, "kept") == 0);
  int64_t swapped = -1;
  CHECK(phi_mem_cas(proc, "c", "", "1", &swapped) == PHI_OK && swapped == 1);
  CHECK(phi_mem_cas(proc, "c", "", "2", &swapped) == PHI_OK && swapped == 0);
}

static phi_status wait_for(phi_proc* proc, phi_pid pid, char* value, size_t cap, char* error,
                           size_t error_cap) {
  char who[32];
  snprintf(who, sizeof who, "%llu", (unsigned long long)pid);
  const phi_arg args[] = {{who}};
  const phi_status status = phi_syscall(proc, PHI_SYS_proc_wait, args, 1, phi_now() + soon, NULL, 0, NULL);
  size_t len = 0;
  const char* words = phi_result(proc, &len);
  value[0] = error[0] = '\0';
  if (status != PHI_OK) return status;
  const char* end = words + len;
  words += strlen(words) + 1;
  if (words < end) snprintf(value, cap, "%s", words), words += strlen(words) + 1;
  if (words < end) snprintf(error, error_cap, "%s", words);
  return PHI_OK;
}

static int child_main(phi_proc* self, void* arg) {
  char value[64];
  size_t len = 0;
  if (phi_mem_read(self, "1", value, sizeof value, &len) != PHI_OK) return PHI_ENOENT_;
  strcat(value, (const char*)arg);
  phi_proc_set_exit(self, value);
  return PHI_OK;
}

static int refused_main(phi_proc* self, void* arg) {
  (void)arg;
  return phi_mem_write(self, "x", "1");
}

static void test_processes(phi_proc* proc) {
  char value[256], error[32];
  phi_pid pid = 0;
  const char* args[] = {"hello"};
  char suffix[] = "!";
  phi_spawn_options options = {0};
  options.entry = child_main;
  options.arg = suffix;
  options.args = args;
  options.n_args = 1;
  CHECK(phi_proc_start(proc, &options, &pid) == PHI_OK);
  CHECK(wait_for(proc, pid, value, sizeof value, error, sizeof error) == PHI_OK);
  CHECK(strcmp(value, "hello!") == 0 && error[0] == '\0');
  CHECK(wait_for(proc, pid, value, sizeof value, error, sizeof error) == PHI_ECHILD_);

  const char* rights[] = {"mem:read"};
  options = (phi_spawn_options){0};
  options.entry = refused_main;
  options.rights = rights;
  options.n_rights = 1;
  CHECK(phi_proc_start(proc, &options, &pid) == PHI_OK);
  CHECK(wait_for(proc, pid, value, sizeof value, error, sizeof error) == PHI_OK);
  CHECK(strcmp(error, "EPERM") == 0);
}

static int brief_main(phi_proc* self, void* arg) {
  return phi_proc_sleep(self, (int64_t)(intptr_t)arg % 3, phi_now() + soon);
}

/* A WAIT that gives up as its child ends may not take the child's status with it. */
static void test_wait_that_times_out(phi_proc* proc) {
  for (intptr_t i = 0; i < 200; i++) {
    phi_spawn_options options = {0};
    options.entry = brief_main;
    options.arg = (void*)i;
    phi_pid pid = 0;
    CHECK(phi_proc_start(proc, &options, &pid) == PHI_OK);
    phi_status status = PHI_ETIMEDOUT_;
    for (int tries = 0; status == PHI_ETIMEDOUT_ && tries < 10000; tries++)
      status = phi_syscall(proc, PHI_SYS_proc_wait, (const phi_arg[]){{"any"}, {"1"}}, 2, phi_now() + soon,
                           NULL, 0, NULL);
    CHECK(status == PHI_OK);
  }
}

/* A program whose form leaves no choice: what its model emits is the same for every model. */
static const char forced_program[] =
    "text:---\nform: ['WRITE x 5', 'ADD x -1', 'JUMP last if=x', 'EXIT wrong']\n---\n# first\nDo it.\n# "
    "last\nAgain.\n";
static const char fork_program[] = "text:---\nform: ['FORK 2', 'EXIT done']\n---\n# only\nFork.\n";
static const char endless_program[] = "text:---\nform: ['JUMP only']\n---\n# only\nGo on.\n";
static const char long_program[] =
    "text:---\nform: ['EXIT {str}']\n---\n# only\nA section of more characters than two pages hold: it says "
    "very little, and at length.\n";

static phi_status run_text(phi_proc* proc, const char* program, const char* limit, char* value, size_t cap,
                           char* error, size_t error_cap) {
  phi_spawn_options options = {0};
  const char* limits[] = {limit};
  options.program = program;
  options.limits = limits;
  options.n_limits = limit ? 1 : 0;
  phi_pid pid = 0;
  const phi_status status = phi_proc_start(proc, &options, &pid);
  if (status != PHI_OK) {
    fprintf(stderr, "%s\n", phi_error_message(proc));
    return status;
  }
  return wait_for(proc, pid, value, cap, error, error_cap);
}

static void test_model_calls(phi_proc* proc) {
  char value[256], error[32];
  /* JUMP last if=x is taken while x is not 0: x counts down from 4 in the second section, whose form starts
   * again with WRITE. */
  CHECK(run_text(proc, forced_program, "tokens=2000", value, sizeof value, error, sizeof error) == PHI_OK);
  CHECK(strcmp(error, "ELIMIT") == 0);
  CHECK(run_text(proc, fork_program, NULL, value, sizeof value, error, sizeof error) == PHI_OK);
  CHECK(strcmp(value, "done") == 0 && error[0] == '\0');
  CHECK(run_text(proc, endless_program, "tokens=500", value, sizeof value, error, sizeof error) == PHI_OK);
  CHECK(strcmp(error, "ELIMIT") == 0 && strstr(value, "tokens") != NULL);
  CHECK(run_text(proc, endless_program, "wall_ms=100", value, sizeof value, error, sizeof error) == PHI_OK);
  CHECK(strcmp(error, "ELIMIT") == 0 && strstr(value, "wall_ms") != NULL);
  CHECK(run_text(proc, long_program, "frames=2", value, sizeof value, error, sizeof error) == PHI_OK);
  CHECK(strcmp(error, "ELIMIT") == 0 && strstr(value, "frames") != NULL);
  CHECK(run_text(proc, "no-such-program", NULL, value, sizeof value, error, sizeof error) == PHI_ENOENT_);
  CHECK(run_text(proc, "text:---\nform: ['NOSUCH x']\n---\n# a\nb\n", NULL, value, sizeof value, error,
                 sizeof error) != PHI_OK ||
        error[0] != '\0');
}

static int sender_main(phi_proc* self, void* arg) {
  (void)arg;
  for (int i = 0; i < 200; i++) {
    char text[16];
    snprintf(text, sizeof text, "%d", i);
    if (phi_chan_send(self, "numbers", text, PHI_FOREVER) != PHI_OK) return PHI_EIO_;
  }
  return PHI_OK;
}

static void test_channels(phi_proc* proc) {
  phi_spawn_options options = {0};
  options.entry = sender_main;
  phi_pid pid = 0;
  CHECK(phi_proc_start(proc, &options, &pid) == PHI_OK);
  for (int i = 0; i < 200;
       i++) { /* more than the channel holds: the sender waits, nothing is lost, the order stays */
    const phi_arg args[] = {{"numbers"}};
    char value[16];
    CHECK(phi_syscall(proc, PHI_SYS_chan_recv, args, 1, phi_now() + soon, value, sizeof value, NULL) ==
          PHI_OK);
    CHECK(atoi(value) == i);
  }
  const phi_arg args[] = {{"numbers"}, {"10"}};
  CHECK(phi_syscall(proc, PHI_SYS_chan_recv, args, 2, PHI_FOREVER, NULL, 0, NULL) == PHI_ETIMEDOUT_);
  char value[64], error[32];
  CHECK(wait_for(proc, pid, value, sizeof value, error, sizeof error) == PHI_OK);
}

static int sleeper_main(phi_proc* self, void* arg) {
  (void)arg;
  return phi_proc_sleep(self, 60000, PHI_FOREVER);
}

static void test_signals(phi_proc* proc) {
  phi_spawn_options options = {0};
  options.entry = sleeper_main;
  phi_pid pid = 0;
  CHECK(phi_proc_start(proc, &options, &pid) == PHI_OK);
  char who[32], value[128], error[32];
  snprintf(who, sizeof who, "%llu", (unsigned long long)pid);
  const phi_arg args[] = {{who}, {"term"}};
  CHECK(phi_syscall(proc, PHI_SYS_proc_signal, args, 2, PHI_FOREVER, NULL, 0, NULL) == PHI_OK);
  CHECK(wait_for(proc, pid, value, sizeof value, error, sizeof error) == PHI_OK);
  CHECK(strcmp(error, "EINTR") == 0);
  const phi_arg init[] = {{"1"}, {"kill"}};
  CHECK(phi_syscall(proc, PHI_SYS_proc_signal, init, 2, PHI_FOREVER, NULL, 0, NULL) == PHI_EPERM_);
}

static void test_hostile_arguments(phi_proc* proc) {
  const phi_arg two[] = {{"a"}, {"b"}};
  CHECK(phi_syscall(proc, 9999, two, 2, PHI_FOREVER, NULL, 0, NULL) == PHI_ENOSYS_);
  CHECK(phi_syscall(proc, PHI_SYS_mem_read, two, 2, PHI_FOREVER, NULL, 0, NULL) == PHI_EINVAL_);
  CHECK(phi_syscall(proc, PHI_SYS_mem_write, two, 1, PHI_FOREVER, NULL, 0, NULL) == PHI_EINVAL_);
  const phi_arg bad_text[] = {{"a"}, {"\xff\xfe"}};
  CHECK(phi_syscall(proc, PHI_SYS_mem_write, bad_text, 2, PHI_FOREVER, NULL, 0, NULL) == PHI_EINVAL_);
  char* large = malloc(PHI_CELL_MAX + 2);
  memset(large, 'x', PHI_CELL_MAX + 1);
  large[PHI_CELL_MAX + 1] = '\0';
  const phi_arg too_big[] = {{"a"}, {large}};
  CHECK(phi_syscall(proc, PHI_SYS_mem_write, too_big, 2, PHI_FOREVER, NULL, 0, NULL) == PHI_ETOOBIG_);
  free(large);
}

/* A context saved under /mem/ outlives its kernel. */
static void test_saved_context(phi_config config) {
  char message[512], words[256];
  size_t len = 0;
  for (int run = 0; run < 2; run++) {
    phi_kernel* kernel = NULL;
    phi_proc* proc = NULL;
    if (phi_kernel_open(&config, &kernel, message, sizeof message) != PHI_OK ||
        phi_proc_attach(kernel, "saver", &proc) != PHI_OK) {
      failures++;
      return;
    }
    const phi_arg name[] = {{"/mem/kept"}}, text[] = {{"a text of some tokens"}, {NULL}, {"notes"}},
                  any[] = {{"/mem/"}};
    if (run == 0) {
      CHECK(phi_syscall(proc, PHI_SYS_ctx_append, text, 3, PHI_FOREVER, NULL, 0, NULL) == PHI_OK);
      CHECK(phi_syscall(proc, PHI_SYS_ctx_save, name, 1, PHI_FOREVER, NULL, 0, NULL) == PHI_OK);
    } else {
      CHECK(phi_syscall(proc, PHI_SYS_ctx_list, any, 1, PHI_FOREVER, words, sizeof words, &len) == PHI_OK);
      CHECK(strcmp(words, "/mem/kept") == 0);
      CHECK(phi_syscall(proc, PHI_SYS_ctx_load, name, 1, PHI_FOREVER, NULL, 0, NULL) == PHI_OK);
      CHECK(phi_syscall(proc, PHI_SYS_ctx_stat, NULL, 0, PHI_FOREVER, words, sizeof words, &len) == PHI_OK);
      CHECK(strstr(words, "\"label\":\"notes\"") != NULL);
      CHECK(phi_syscall(proc, PHI_SYS_ctx_drop, name, 1, PHI_FOREVER, NULL, 0, NULL) == PHI_OK);
      CHECK(phi_syscall(proc, PHI_SYS_ctx_load, name, 1, PHI_FOREVER, NULL, 0, NULL) == PHI_ENOENT_);
    }
    phi_proc_detach(proc, "");
    phi_kernel_close(kernel);
  }
}

int main(void) {
  char home[] = "/tmp/phios-abi-XXXXXX";
  if (!mkdtemp(home)) return 1;
  phi_config config = {0};
  config.model = "null";
  config.home = home;
  config.seed = 1;
  char message[512] = "";
  phi_kernel* kernel = NULL;
  if (phi_kernel_open(&config, &kernel, message, sizeof message) != PHI_OK) {
    fprintf(stderr, "%s\n", message);
    return 1;
  }
  phi_proc* proc = NULL;
  CHECK(phi_proc_attach(kernel, "abi", &proc) == PHI_OK);
  CHECK(phi_abi_version() == PHI_ABI_VERSION);
  CHECK(strcmp(phi_error_name(PHI_ENOENT_), "ENOENT") == 0);
  test_cells(proc);
  test_processes(proc);
  test_wait_that_times_out(proc);
  test_model_calls(proc);
  test_channels(proc);
  test_signals(proc);
  test_hostile_arguments(proc);
  phi_proc_detach(proc, "");
  phi_kernel_close(kernel);

  test_saved_context(config);
  config.model = "/no/such/model.gguf";
  CHECK(phi_kernel_open(&config, &kernel, message, sizeof message) != PHI_OK);
  CHECK(strstr(message, "/no/such/model.gguf") != NULL);
  char command[64];
  snprintf(command, sizeof command, "rm -rf %s", home);
  if (system(command) != 0) failures++;
  if (failures == 0) puts("abi: all right");
  return failures != 0;
}
