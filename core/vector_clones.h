#pragma once
// AUTOMASK_VECTOR_CLONES before a function: built for several instruction sets, chosen when the program starts. With
// no fused multiply-add (cmake/Settings.cmake) and no reordered sums, all give the same bits.

// The choice is made by an ifunc resolver, which sanitizers would instrument before they are set up.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define AUTOMASK_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define AUTOMASK_VECTOR_CLONES
#endif

// Before what such functions share: built into each of them.
#define AUTOMASK_INLINE inline __attribute__((always_inline))
