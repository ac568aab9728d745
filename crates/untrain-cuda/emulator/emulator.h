// What the kernels use of CUDA, for a processor: each thread runs to its end before the next begins, which they allow since no two
// touch the same number.

#include <cmath>
#include <cstddef>
#include <cstring>
#include <map>
#include <string>

struct Index {
    unsigned x, y, z;
};
struct float4 {
    float x, y, z, w;
};

static thread_local Index threadIdx, blockIdx, blockDim;

static inline float __fmaf_rn(float a, float b, float c) { return std::fmaf(a, b, c); }
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float __fsqrt_rn(float a) { return std::sqrt(a); }
static inline double __dadd_rn(double a, double b) { return a + b; }
static inline double __ddiv_rn(double a, double b) { return a / b; }

// A kernel with the types of its arguments forgotten.
struct Kernel {
    virtual void call(void **arguments) const = 0;
};

static std::map<std::string, const Kernel *> &kernels() {
    static std::map<std::string, const Kernel *> all;
    return all;
}

template <typename... Arguments> struct Typed : Kernel {
    void (*function)(Arguments...);
    Typed(const char *name, void (*function)(Arguments...)) : function(function) { kernels()[name] = this; }
    template <std::size_t... I> void spread(void **arguments, std::index_sequence<I...>) const {
        function(*static_cast<Arguments *>(arguments[I])...);
    }
    void call(void **arguments) const override { spread(arguments, std::index_sequence_for<Arguments...>()); }
};

#define KERNEL static void
