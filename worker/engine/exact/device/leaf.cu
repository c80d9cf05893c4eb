/* One leaf on a GPU: a thread computes one word, or one chain, exactly as market/protocol/exact says.
 *
 * Every float operation is an intrinsic with its rounding in its name, so no compiler flag can fuse or flush one. There
 * are no atomics and no reductions across threads: an output is one thread's work from its first term to its last.
 * The same text is compiled for the host by native/device.inc, with C's own operations in the intrinsics' place; the
 * tests hold that to the CPU's bits on every machine, and a GPU to both where there is one.
 *
 * A leaf arrives as a table of 64-bit numbers, written by worker/engine/exact/device/table.py:
 *   op, dimensions, operands, length, words, sizes[8], then three operands of OPERAND numbers each:
 *   kind, guards, word, offset, strides[8], then four guards of GUARD numbers: base, divisor, size, stride, coefficients[8]
 */
#ifdef __CUDACC__
#define DEVICE static __device__ __forceinline__
#define GLOBAL extern "C" __global__
#define THREAD ((i64)blockIdx.x * blockDim.x + threadIdx.x)
#define fma_rn(a, b, c) __fmaf_rn(a, b, c)
#define add_rn(a, b) __fadd_rn(a, b)
#define sub_rn(a, b) __fsub_rn(a, b)
#define mul_rn(a, b) __fmul_rn(a, b)
#define div_rn(a, b) __fdiv_rn(a, b)
#define sqrt_rn(a) __fsqrt_rn(a)
#define as_float(w) __uint_as_float(w)
#define as_word(f) __float_as_uint(f)
#define int_to_float(i) __int2float_rn(i)
#endif

typedef unsigned int u32;
typedef long long i64;

#define SIZES 5
#define OPERANDS 13
#define OPERAND 60
#define STRIDES 4
#define GUARDS 12
#define GUARD 12
#define CHUNK 256

/* Sets where an operand reads; returns whether that lies inside its guards. `extra` is a gather's index. */
DEVICE int locate(const i64 *leaf, const i64 *operand, const i64 *at, i64 extra, i64 *linear) {
  int n = (int)leaf[1], guards = (int)operand[1];
  i64 index = operand[3];
  for (int j = 0; j < n; ++j) index += operand[STRIDES + j] * at[j];
  for (int g = 0; g < guards; ++g) {
    const i64 *guard = operand + GUARDS + GUARD * g;
    i64 t = guard[0] + (g == 0 ? extra : 0);
    for (int j = 0; j < n; ++j) t += guard[4 + j] * at[j];
    if (t < 0 || t % guard[1] != 0 || t / guard[1] >= guard[2]) return 0;
    index += t / guard[1] * guard[3];
  }
  *linear = index;
  return 1;
}

DEVICE u32 read_word(const i64 *leaf, int place, const u32 *source, const i64 *at, i64 extra) {
  const i64 *operand = leaf + OPERANDS + OPERAND * place;
  i64 linear = 0;
  if (operand[0] == 1) return (u32)operand[2];
  if (!locate(leaf, operand, at, extra, &linear)) return (u32)operand[2];
  return operand[0] == 2 ? (u32)linear : source[linear];
}

DEVICE u32 truncated(float x) {
  if (!(x >= -2147483648.0f && x < 2147483648.0f)) return 0x80000000u;
  return (u32)(int)x;
}

DEVICE u32 primitive(int op, u32 a, u32 b, u32 c) {
  float x = as_float(a), y = as_float(b), z = as_float(c);
  switch (op) {
    case 0: return a;
    case 1: return as_word(add_rn(x, y));
    case 2: return as_word(sub_rn(x, y));
    case 3: return as_word(mul_rn(x, y));
    case 4: return as_word(div_rn(x, y));
    case 5: return as_word(fma_rn(x, y, z));
    case 6: return as_word(sqrt_rn(x));
    case 7: return x < y;
    case 8: return x <= y;
    case 9: return x == y;
    case 10: return a != 0 ? b : c;
    case 11: return as_word(int_to_float((int)a));
    case 12: return truncated(x);
    case 13: return x != x ? 0x7fc00000u : a;
    case 14: return a;
    case 16: return a + b;
    case 17: return a - b;
    case 18: return a * b;
    case 19: return a & b;
    case 20: return a | b;
    case 21: return a ^ b;
    case 22: return a << (b & 31u);
    case 23: return (u32)((int)a >> (b & 31u));
    case 24: return (int)a < (int)b;
    case 25: return a == b;
    default: return 0x7fc00000u; /* no such primitive: the table's writer refuses it */
  }
}

DEVICE void coordinates(const i64 *leaf, i64 i, i64 *at) {
  for (int j = (int)leaf[1] - 1; j >= 0; --j) {
    at[j] = i % leaf[SIZES + j];
    i /= leaf[SIZES + j];
  }
}

/* One word of an elementwise leaf or a gather. */
GLOBAL void leaf_map(const i64 *leaf, const u32 *a, const u32 *b, const u32 *c, u32 *out) {
  i64 at[8], i = THREAD;
  if (i >= leaf[4]) return;
  coordinates(leaf, i, at);
  if (leaf[0] == 32) {
    i64 index = (int)read_word(leaf, 1, b, at, 0);
    out[i] = read_word(leaf, 0, a, at, index);
    return;
  }
  u32 words[3] = {0, 0, 0};
  const u32 *sources[3] = {a, b, c};
  for (int m = 0; m < (int)leaf[2]; ++m) words[m] = read_word(leaf, m, sources[m], at, 0);
  out[i] = primitive((int)leaf[0], words[0], words[1], words[2]);
}

DEVICE const u32 *row(const i64 *leaf, int place, const u32 *source, const i64 *at, u32 *constant) {
  const i64 *operand = leaf + OPERANDS + OPERAND * place;
  i64 linear = 0;
  *constant = (u32)operand[2];
  if (operand[0] == 1) return 0;
  locate(leaf, operand, at, 0, &linear);
  return source + linear;
}

/* One word of a chain: 256 terms in one accumulator, the chunks' sums added in order. */
GLOBAL void leaf_chain(const i64 *leaf, const u32 *a, const u32 *b, const u32 *c, u32 *out) {
  i64 at[8], i = THREAD;
  if (i >= leaf[4]) return;
  coordinates(leaf, i, at);
  int matches = leaf[0] == 41;
  u32 left_word, right_word, key = matches ? read_word(leaf, 0, a, at, 0) : 0;
  const u32 *left = row(leaf, matches ? 1 : 0, matches ? b : a, at, &left_word);
  const u32 *right = row(leaf, matches ? 2 : 1, matches ? c : b, at, &right_word);
  float total = 0.0f, sum = 0.0f;
  for (i64 k = 0; k < leaf[3]; ++k) {
    if (k > 0 && k % CHUNK == 0) {
      total = k == CHUNK ? sum : add_rn(total, sum);
      sum = 0.0f;
    }
    u32 x = left ? left[k] : left_word, y = right ? right[k] : right_word;
    if (!matches) sum = fma_rn(as_float(x), as_float(y), sum);
    else if (x == key) sum = add_rn(sum, as_float(y));
  }
  out[i] = as_word(leaf[3] <= CHUNK ? sum : add_rn(total, sum));
}
