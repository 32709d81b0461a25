/* More contexts than memory: 64 processes whose contexts are four times the KV frames together all finish,
 * and write what they write when there is room for all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "syscalls/abi/phios.h"

enum { kProcesses = 64, kBytes = 224, kText = 512 };
static const uint64_t kFrameBytes = 63360; /* of the embedded model: 5 layers, 6 heads of 32, f16 */
static const uint64_t kFramesEach = 16;    /* 256 tokens */

static int failures = 0;

static void expect(int condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "swap: %s\n", what);
  failures++;
}

/* Appends a text of its own, lets the model go on, twice. */
static int writer(phi_proc* self, void* arg) {
  char number[16], text[kBytes + 1], out[2][kText], both[2 * kText + 1];
  size_t len = 0;
  (void)arg;
  if (phi_syscall(self, PHI_SYS_mem_read, (const phi_arg[]){{"1"}}, 1, PHI_FOREVER, number, sizeof number,
                  &len))
    return PHI_ENOENT_;
  const unsigned seed = (unsigned)atoi(number);
  for (unsigned i = 0; i < kBytes; i++) text[i] = (char)('a' + (seed * 31 + i * i * 7 + i / 3) % 26);
  text[kBytes] = '\0';
  for (int turn = 0; turn < 2; turn++) {
    const phi_arg append[] = {{turn == 0 ? text : "\nMore:"}, {NULL}, {NULL}};
    const phi_arg generate[] = {{"12"}, {"0"}};
    phi_status status = phi_syscall(self, PHI_SYS_ctx_append, append, 3, PHI_FOREVER, NULL, 0, NULL);
    if (status == PHI_OK)
      status = phi_syscall(self, PHI_SYS_ctx_generate, generate, 2, PHI_FOREVER, out[turn], kText, &len);
    if (status != PHI_OK) return status;
  }
  snprintf(both, sizeof both, "%s|%s", out[0], out[1]);
  phi_proc_set_exit(self, both);
  return PHI_OK;
}

/* What each process wrote, and the kernel's statistics. */
static void run(const char* home, uint64_t kv_bytes, char (*texts)[2 * kText], char* stats, size_t cap) {
  phi_config config = {0};
  config.model = "random";
  config.home = home;
  config.seed = 1;
  config.kv_bytes = kv_bytes;
  char message[512];
  phi_kernel* kernel = NULL;
  phi_proc* proc = NULL;
  phi_pid pids[kProcesses];
  if (phi_kernel_open(&config, &kernel, message, sizeof message) != PHI_OK) {
    expect(0, message);
    return;
  }
  expect(phi_proc_attach(kernel, "parent", &proc) == PHI_OK, "attach");
  for (int i = 0; i < kProcesses; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    const char* args[] = {number};
    phi_spawn_options options = {0};
    options.entry = writer;
    options.args = args;
    options.n_args = 1;
    expect(phi_proc_start(proc, &options, &pids[i]) == PHI_OK, "start");
  }
  for (int i = 0; i < kProcesses; i++) {
    char who[32];
    snprintf(who, sizeof who, "%llu", (unsigned long long)pids[i]);
    const phi_arg args[] = {{who}};
    expect(phi_syscall(proc, PHI_SYS_proc_wait, args, 1, PHI_FOREVER, NULL, 0, NULL) == PHI_OK, "wait");
    size_t len = 0;
    const char* words = phi_result(proc, &len);
    const char* value = words + strlen(words) + 1;
    snprintf(texts[i], 2 * kText, "%s", value < words + len ? value : "");
    expect(value < words + len && value + strlen(value) + 1 >= words + len, "a process failed");
  }
  phi_kernel_stats(kernel, stats, cap);
  phi_proc_detach(proc, "");
  phi_kernel_close(kernel);
}

static long count(const char* stats, const char* key) {
  const char* at = strstr(stats, key);
  return at ? atol(at + strlen(key)) : -1;
}

int main(void) {
  static char plenty[kProcesses][2 * kText], little[kProcesses][2 * kText];
  char home[] = "/tmp/phios-swap-XXXXXX", command[64], stats[4096];
  if (!mkdtemp(home)) return 1;
  run(home, 2 * kProcesses * kFramesEach * kFrameBytes, plenty, stats, sizeof stats);
  expect(count(stats, "\"swapped_out\":") == 0, "swapped although there was room");
  run(home, kProcesses * kFramesEach * kFrameBytes / 4, little, stats, sizeof stats);
  expect(count(stats, "\"swapped_out\":") > 0, "nothing was swapped");
  expect(count(stats, "\"dropped\":") == 0, "pages were dropped beside a swap file");
  for (int i = 0; i < kProcesses; i++) expect(strcmp(plenty[i], little[i]) == 0, "another text under swap");
  expect(strcmp(plenty[0], plenty[1]) != 0, "all texts are the same");
  snprintf(command, sizeof command, "rm -rf %s", home);
  if (system(command) != 0) failures++;
  if (failures == 0) puts("swap: all right");
  return failures != 0;
}
