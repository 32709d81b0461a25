// Fused elementwise steps of the trainer on bfloat16, one thread; called by kernels.py through ctypes.
// Rows are contiguous. Compiled with -O3 -march=native -ffast-math so that every loop is vectorised.
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t bf16;

static inline float wide(bf16 v) {
  uint32_t u = (uint32_t)v << 16;
  float f;
  memcpy(&f, &u, 4);
  return f;
}

static inline bf16 narrow(float f) {
  uint32_t u;
  memcpy(&u, &f, 4);
  return (bf16)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

// s: [n][t][t] scores, replaced by the causal softmax of each row; work: t floats.
void causal_softmax(bf16* s, long n, long t, float* work) {
  for (long m = 0; m < n; m++) {
    for (long i = 0; i < t; i++) {
      bf16* row = s + (m * t + i) * t;
      float top = -INFINITY, sum = 0;
      for (long j = 0; j <= i; j++) work[j] = wide(row[j]);
      for (long j = 0; j <= i; j++) top = work[j] > top ? work[j] : top;
      for (long j = 0; j <= i; j++) work[j] = expf(work[j] - top);
      for (long j = 0; j <= i; j++) sum += work[j];
      const float scale = 1 / sum;
      for (long j = 0; j <= i; j++) row[j] = narrow(work[j] * scale);
      memset(row + i + 1, 0, (t - i - 1) * sizeof(bf16));
    }
  }
}

// d: the gradient of the probabilities p, replaced by that of the scores.
void causal_softmax_back(bf16* d, const bf16* p, long n, long t) {
  for (long m = 0; m < n; m++) {
    for (long i = 0; i < t; i++) {
      bf16* dr = d + (m * t + i) * t;
      const bf16* pr = p + (m * t + i) * t;
      float dot = 0;
      for (long j = 0; j <= i; j++) dot += wide(dr[j]) * wide(pr[j]);
      for (long j = 0; j <= i; j++) dr[j] = narrow(wide(pr[j]) * (wide(dr[j]) - dot));
      memset(dr + i + 1, 0, (t - i - 1) * sizeof(bf16));
    }
  }
}

void swiglu(const bf16* g, const bf16* u, bf16* y, long n) {
  for (long i = 0; i < n; i++) {
    const float x = wide(g[i]);
    y[i] = narrow(x / (1 + expf(-x)) * wide(u[i]));
  }
}

void swiglu_back(const bf16* dy, const bf16* g, const bf16* u, bf16* dg, bf16* du, long n) {
  for (long i = 0; i < n; i++) {
    const float x = wide(g[i]), d = wide(dy[i]), s = 1 / (1 + expf(-x));
    du[i] = narrow(d * x * s);
    dg[i] = narrow(d * wide(u[i]) * s * (1 + x * (1 - s)));
  }
}

// y = x / rms(x) * w; r keeps 1 / rms of each row.
void rms_norm(const float* x, const float* w, bf16* y, float* r, long rows, long dim, float eps) {
  for (long i = 0; i < rows; i++, x += dim, y += dim) {
    float sum = 0;
    for (long j = 0; j < dim; j++) sum += x[j] * x[j];
    const float k = 1 / sqrtf(sum / dim + eps);
    r[i] = k;
    for (long j = 0; j < dim; j++) y[j] = narrow(x[j] * k * w[j]);
  }
}

// dw is added to.
void rms_norm_back(const bf16* dy, const float* x, const float* w, const float* r, float* dx, float* dw,
                   long rows, long dim) {
  for (long i = 0; i < rows; i++, x += dim, dy += dim, dx += dim) {
    const float k = r[i];
    float dot = 0;
    for (long j = 0; j < dim; j++) dot += wide(dy[j]) * w[j] * x[j];
    dot *= k * k * k / dim;
    for (long j = 0; j < dim; j++) {
      const float d = wide(dy[j]);
      dw[j] += d * x[j] * k;
      dx[j] = d * w[j] * k - x[j] * dot;
    }
  }
}

// x: [b][t][h][d] → y: [b][h][t][d], pairs rotated by the angles of cos, sin: [t][d/2], times `scale`.
// `sign` -1 and `back` 1 undo it: x is then [b][h][t][d] and y [b][t][h][d].
void rotate(const bf16* x, bf16* y, const float* cos, const float* sin, long b, long t, long h, long d,
            float scale, float sign, int back) {
  for (long i = 0; i < b; i++) {
    for (long p = 0; p < t; p++) {
      const float *c = cos + p * d / 2, *s = sin + p * d / 2;
      for (long k = 0; k < h; k++) {
        const long flat = ((i * t + p) * h + k) * d, split = ((i * h + k) * t + p) * d;
        const bf16* from = x + (back ? split : flat);
        bf16* to = y + (back ? flat : split);
        for (long j = 0; j < d / 2; j++) {
          const float a = wide(from[2 * j]) * scale, e = wide(from[2 * j + 1]) * scale;
          to[2 * j] = narrow(a * c[j] - sign * e * s[j]);
          to[2 * j + 1] = narrow(sign * a * s[j] + e * c[j]);
        }
      }
    }
  }
}
