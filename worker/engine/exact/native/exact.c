/* The exact kernels as one translation unit: what a leaf means (market/protocol/exact), computed fast.
 *
 * The .inc files are the source; they are included once per instruction set, each time with another ISA and LANES, so
 * that there is one text and no second definition of a result. Every function here gives the same bits on every ISA:
 * IEEE binary32, round to nearest even, subnormals kept, and a multiply is fused with an add only where vfma says so.
 *
 *   scalar  the compiler's baseline: any CPU, also ARM        avx2    8 lanes
 *   avx512  16 lanes                                          wide    the avx512 source (16 lanes) lowered onto AVX2
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "common.h"
#include "sha256.inc"
#include "strided.inc"
#include "philox.inc"
#include "device.inc"

#define ISA scalar
#define LANES 4
#include "every.inc"
#undef ISA
#undef LANES

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define LANES_256 1
#define ISA avx2
#define LANES 8
#include "every.inc"
#undef ISA
#undef LANES
#undef LANES_256
#define LANES_PAIR 1
#define ISA wide
#define LANES 16
#include "every.inc"
#undef ISA
#undef LANES
#undef LANES_PAIR
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")
#endif
#define LANES_512 1
#define ISA avx512
#define LANES 16
#include "every.inc"
#undef ISA
#undef LANES
#undef LANES_512
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

EXPORT int32_t exact_runs_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
EXPORT int32_t exact_runs_wide(void) { return exact_runs_avx2(); }
EXPORT int32_t exact_runs_avx512(void) {
    return exact_runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#else
EXPORT int32_t exact_runs_avx2(void) { return 0; }
EXPORT int32_t exact_runs_wide(void) { return 0; }
EXPORT int32_t exact_runs_avx512(void) { return 0; }
#endif
EXPORT int32_t exact_runs_scalar(void) { return 1; }

/* Nothing of Python is exported: the module exists so that setuptools builds and installs the library; ctypes calls it. */
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", NULL, 0, NULL, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit__native(void) { return PyModule_Create(&module); }

/* The library is opened by ctypes, which runs no PyInit: what must happen once happens when it is mapped. */
__attribute__((constructor)) static void begin(void) { (void)exact_sha_use(1); }
