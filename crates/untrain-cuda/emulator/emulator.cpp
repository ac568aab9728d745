// The part of the CUDA driver that this crate uses, on a processor, so that all but the GPU itself is tested on machines without one.
//
// Buffers begin with NaNs and end where a page begins that nobody may touch: what reads before it writes, or beyond the end, is found.
// EMULATED_GPU changes what the driver does: "absent", no GPU; "broken", sums of another GPU; "small", 12 MiB of memory;
// "lost", the GPU fails after 2,000 launches, which the check of its bits passes.

#include <utility>

#include "emulator.h"
#include "kernels.cu"

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

#define REGISTER(name) static Typed name##_kernel(#name, name);
REGISTER(turn) REGISTER(windows) REGISTER(outer) REGISTER(column_sums) REGISTER(block_sums) REGISTER(block_means) REGISTER(inverses)
REGISTER(remembered) REGISTER(seen) REGISTER(normalise) REGISTER(norm_sums) REGISTER(norm_backward) REGISTER(relu)
REGISTER(relu_backward) REGISTER(max_pool) REGISTER(max_pool_backward) REGISTER(mean_pool) REGISTER(mean_pool_backward)
REGISTER(flatten) REGISTER(add) REGISTER(padded) REGISTER(total)
REGISTER(norm_tangent) REGISTER(pick)

enum Result { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_CONTEXT = 201, NOT_FOUND = 500, LAUNCH_FAILED = 719 };
typedef std::uint64_t Pointer;

static bool is(const char *behaviour) {
    const char *asked = std::getenv("EMULATED_GPU");
    return asked != nullptr && std::string(asked) == behaviour;
}

static std::mutex lock;
// Of each buffer its pages and how many bytes they are.
static std::map<Pointer, std::pair<void *, std::size_t>> buffers;
static std::size_t in_use = 0, launches = 0;
static int context;
// Each thread has to say that it works with the GPU.
static thread_local void *current = nullptr;
#define IN_CONTEXT                                                                                                                         \
    if (current == nullptr) return INVALID_CONTEXT;

static std::size_t memory() { return is("small") ? std::size_t(12) << 20 : std::size_t(1) << 40; }

#define DRIVER extern "C" __attribute__((visibility("default"))) int

DRIVER cuInit(unsigned) { return is("absent") ? NO_DEVICE : SUCCESS; }
DRIVER cuDeviceGet(int *device, int) { return *device = 0, SUCCESS; }
DRIVER cuDeviceGetCount(int *count) { return *count = 1, SUCCESS; }
DRIVER cuDeviceGetAttribute(int *value, int, int) { return *value = 1, SUCCESS; }
DRIVER cuDeviceGetDefaultMemPool(void **pool, int) { return *pool = &context, SUCCESS; }
DRIVER cuMemPoolSetAttribute(void *, int, void *) { return SUCCESS; }
DRIVER cuDeviceGetName(char *name, int length, int) { return std::strncpy(name, "an emulated GPU", std::size_t(length)), SUCCESS; }
DRIVER cuDevicePrimaryCtxRetain(void **made, int) { return *made = &context, SUCCESS; }
DRIVER cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }
DRIVER cuCtxGetCurrent(void **found) { return *found = current, SUCCESS; }
DRIVER cuCtxSetCurrent(void *chosen) { return current = chosen, SUCCESS; }
DRIVER cuStreamSynchronize(void *) { return current == nullptr ? INVALID_CONTEXT : SUCCESS; }
DRIVER cuGetErrorName(int, const char **text) { return *text = "an emulated error", SUCCESS; }
DRIVER cuGetErrorString(int, const char **text) { return *text = "an emulated error", SUCCESS; }

DRIVER cuMemAllocAsync(Pointer *made, std::size_t size, void *) {
    IN_CONTEXT
    std::lock_guard<std::mutex> held(lock);
    if (in_use + size > memory()) return OUT_OF_MEMORY;
    std::size_t page = std::size_t(sysconf(_SC_PAGESIZE)), pages = (size + page - 1) / page * page;
    void *start = mmap(nullptr, pages + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return OUT_OF_MEMORY;
    mprotect(static_cast<char *>(start) + pages, page, PROT_NONE);
    std::memset(start, 0xff, pages);
    *made = reinterpret_cast<Pointer>(start) + pages - size;
    buffers[*made] = {start, pages + page};
    in_use += size;
    return SUCCESS;
}

DRIVER cuMemFreeAsync(Pointer buffer, void *) {
    IN_CONTEXT
    std::lock_guard<std::mutex> held(lock);
    auto found = buffers.find(buffer);
    if (found == buffers.end()) return NOT_FOUND;
    std::size_t page = std::size_t(sysconf(_SC_PAGESIZE)), end = reinterpret_cast<Pointer>(found->second.first) + found->second.second - page;
    in_use -= end - buffer;
    munmap(found->second.first, found->second.second);
    buffers.erase(found);
    return SUCCESS;
}

DRIVER cuMemcpyHtoDAsync_v2(Pointer to, const void *from, std::size_t size, void *) {
    IN_CONTEXT
    return std::memcpy(reinterpret_cast<void *>(to), from, size), SUCCESS;
}
DRIVER cuMemcpyDtoHAsync_v2(void *to, Pointer from, std::size_t size, void *) {
    IN_CONTEXT
    return std::memcpy(to, reinterpret_cast<const void *>(from), size), SUCCESS;
}
DRIVER cuMemsetD8Async(Pointer at, unsigned char value, std::size_t size, void *) {
    IN_CONTEXT
    return std::memset(reinterpret_cast<void *>(at), value, size), SUCCESS;
}

DRIVER cuModuleLoadData(void **module, const void *) {
    IN_CONTEXT
    return *module = &context, SUCCESS;
}
DRIVER cuModuleUnload(void *) { return SUCCESS; }
DRIVER cuModuleGetFunction(void **function, void *, const char *name) {
    auto found = kernels().find(name);
    if (found == kernels().end()) return NOT_FOUND;
    *function = const_cast<Kernel *>(found->second);
    return SUCCESS;
}

DRIVER cuLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned, unsigned block, unsigned, unsigned, unsigned, void *,
                      void **arguments, void **) {
    IN_CONTEXT
    if (grid_x == 0 || grid_x > 0x7fffffffu || grid_y == 0 || grid_y > 65535u) return INVALID_VALUE;
    {
        std::lock_guard<std::mutex> held(lock);
        if (is("lost") && ++launches > 2000) return LAUNCH_FAILED;
    }
    blockDim = {block, 1, 1};
    for (blockIdx.y = 0; blockIdx.y < grid_y; blockIdx.y++)
        for (blockIdx.x = 0; blockIdx.x < grid_x; blockIdx.x++)
            for (threadIdx.x = 0; threadIdx.x < block; threadIdx.x++) static_cast<const Kernel *>(function)->call(arguments);
    if (is("broken") && function == static_cast<const void *>(&total_kernel)) {
        float *sums = *static_cast<float **>(arguments[1]);
        sums[0] = std::nextafter(sums[0], 1e30f);
    }
    return SUCCESS;
}
