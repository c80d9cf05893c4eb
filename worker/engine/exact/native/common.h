/* What every .inc may use, whatever the instruction set: names, types, and the state of the floating-point unit. */
#ifndef COMMONWATT_EXACT_COMMON_H
#define COMMONWATT_EXACT_COMMON_H

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__FAST_MATH__)
#error "fast-math changes results: build without it"
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

#define CAT_(a, b) a##_##b
#define CAT(a, b) CAT_(a, b)
#define FN(name) CAT(name, ISA) /* FN(exact_gemm) is exact_gemm_avx2 in the avx2 pass */
#define EXPORT __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline, unused))
#define CHUNK 256 /* k's per chunk of a chain */

/* Another library in the process (torch.set_flush_denormal) may have told this thread to flush subnormals or to round
 * otherwise. Every exported function that computes with floats runs between these two. */
INLINE uint64_t rounding_enter(void) {
#if defined(__x86_64__)
    uint32_t before = _mm_getcsr();
    if ((before & 0xffc0u) != 0x1f80u) _mm_setcsr(0x1f80u);
    return before;
#elif defined(__aarch64__)
    uint64_t before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    if (before) __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
    return before;
#else
    return 0;
#endif
}

INLINE void rounding_leave(uint64_t before) {
#if defined(__x86_64__)
    if ((before & 0xffc0u) != 0x1f80u) _mm_setcsr((uint32_t)before);
#elif defined(__aarch64__)
    if (before) __asm__ volatile("msr fpcr, %0" : : "r"(before));
#else
    (void)before;
#endif
}

/* Work memory that a thread keeps from call to call, freed when it ends. */
enum { WORK_PANELS, WORK_SUMS, WORK_SLOTS, WORK_KINDS };
typedef struct { void *memory[WORK_KINDS]; size_t bytes[WORK_KINDS]; } work_buffers;
static pthread_key_t work_key;
static pthread_once_t work_once = PTHREAD_ONCE_INIT;

static void work_free(void *held) {
    work_buffers *work = held;
    for (int kind = 0; kind < WORK_KINDS; kind++) free(work->memory[kind]);
    free(work);
}

static void work_begin(void) { (void)pthread_key_create(&work_key, work_free); }

/* At least `bytes` on a 64-byte boundary, or NULL when memory is short. What it holds is whatever was left there. */
__attribute__((unused)) static void *work_memory(int kind, size_t bytes) {
    pthread_once(&work_once, work_begin);
    work_buffers *work = pthread_getspecific(work_key);
    if (work == NULL) {
        work = calloc(1, sizeof *work);
        if (work == NULL || pthread_setspecific(work_key, work) != 0) return free(work), NULL;
    }
    if (work->bytes[kind] < bytes) {
        void *more = NULL;
        if (posix_memalign(&more, 64, bytes) != 0) return NULL;
        free(work->memory[kind]);
        work->memory[kind] = more;
        work->bytes[kind] = bytes;
    }
    return work->memory[kind];
}

typedef float quad __attribute__((vector_size(16)));
typedef float quad_any __attribute__((vector_size(16), aligned(4), may_alias));

/* Turn four by four words in registers: to[i * to_line + j] = from[j * from_line + i]. Shuffles change no bit. */
INLINE void quad_turn(void *to, int64_t to_line, const void *from, int64_t from_line) {
    const float *at = from;
    float *out = to;
    quad r0 = *(const quad_any *)at, r1 = *(const quad_any *)(at + from_line);
    quad r2 = *(const quad_any *)(at + 2 * from_line), r3 = *(const quad_any *)(at + 3 * from_line);
    quad t0 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5), t1 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
    quad t2 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7), t3 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
    *(quad_any *)out = __builtin_shufflevector(t0, t1, 0, 1, 4, 5);
    *(quad_any *)(out + to_line) = __builtin_shufflevector(t0, t1, 2, 3, 6, 7);
    *(quad_any *)(out + 2 * to_line) = __builtin_shufflevector(t2, t3, 0, 1, 4, 5);
    *(quad_any *)(out + 3 * to_line) = __builtin_shufflevector(t2, t3, 2, 3, 6, 7);
}

#endif
