#pragma once

#include <ATen/Parallel.h>

#ifndef INTRA_OP_PARALLEL
#error "at::parallel_for is a serial loop in files that are compiled without OpenMP"
#endif

// One function, compiled for several instruction sets; the loader picks the widest that the
// machine has. Results agree between the clones for integers; for floating point within the
// rounding of fused multiply-add. One machine always runs the same clone: its results repeat bit for bit.
// The loader picks before a sanitizer is ready for it.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define BERTFT_CPU_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define BERTFT_CPU_CLONES
#endif
