// What a GPU computes for a network: bit for bit what the processor computes, see the crate `untrain-neural`.
//
// A thread makes a number of its own, or four beside each other, and nobody else touches them: no shared memory, no atomics, no
// barriers. Every sum is a chain in the order that the processor takes, and every operation is one that IEEE 754 rounds in one way,
// written out so that no compiler fuses what the processor does not fuse. Values lie example after example, within it pixel after
// pixel, and within a pixel channel after channel. Where a grid has a second dimension, it is the chunk; `starts` has the first
// example of each chunk, and after the last chunk the number of examples.

#ifdef __CUDACC__ // Else the emulator says what these are.
#define KERNEL extern "C" __global__ void
#endif

#define THREAD (blockIdx.x * blockDim.x + threadIdx.x)
#define CHUNK (blockIdx.y)

// What is added to a variance, as in PyTorch.
#define EPSILON 1e-5f
// So many rows are summed in single precision before they join the sum in double precision.
#define BLOCK 64u

// Weights `(outputs, inputs, taps)` as `(tap, input)` by `output`, or backwards as `(tap, output)` by `input`; `stride` is the width of
// a row, a multiple of four, and what lies beyond the last column stays zero.
KERNEL turn(const float *parameters, float *turned, unsigned weight, unsigned outputs, unsigned inputs, unsigned taps, unsigned stride,
            unsigned backward) {
    unsigned i = THREAD;
    if (i >= outputs * inputs * taps) return;
    unsigned tap = i % taps, input = i / taps % inputs, output = i / taps / inputs;
    unsigned place = backward ? (tap * outputs + output) * stride + input : (tap * inputs + input) * stride + output;
    turned[place] = parameters[weight + i];
}

// For four channels of a target pixel: the chain over taps and channels of the source, from zero (start 0), from the bias (1), or from
// what stands there (2).
KERNEL windows(const float *source, const unsigned *places, const float *turned, const float *parameters, float *target,
               unsigned n_targets, unsigned source_pixels, unsigned from, unsigned target_pixels, unsigned to, unsigned stride,
               unsigned taps, unsigned start, unsigned bias) {
    unsigned quads = stride / 4, quad = THREAD % quads, at = THREAD / quads;
    if (at >= n_targets) return;
    unsigned image = at / target_pixels, pixel = at % target_pixels, first = 4 * quad;
    float sums[4];
    for (unsigned r = 0; r < 4; r++) {
        sums[r] = 0.0f;
        if (start == 1 && first + r < to) sums[r] = parameters[bias + first + r];
        if (start == 2 && first + r < to) sums[r] = target[(size_t)at * to + first + r];
    }
    for (unsigned tap = 0; tap < taps; tap++) {
        unsigned place = places[tap * target_pixels + pixel];
        bool outside = place >= source_pixels;
        const float *values = source + (size_t)(image * source_pixels + (outside ? 0 : place)) * from;
        const float4 *weights = (const float4 *)(turned + (size_t)tap * from * stride) + quad;
        for (unsigned channel = 0; channel < from; channel++) {
            float value = outside ? 0.0f : values[channel];
            float4 weight = weights[channel * quads];
            sums[0] = __fmaf_rn(value, weight.x, sums[0]);
            sums[1] = __fmaf_rn(value, weight.y, sums[1]);
            sums[2] = __fmaf_rn(value, weight.z, sums[2]);
            sums[3] = __fmaf_rn(value, weight.w, sums[3]);
        }
    }
    for (unsigned r = 0; r < 4 && first + r < to; r++) target[(size_t)at * to + first + r] = sums[r];
}

// The gradient of a weight in a chunk: the chain over images and pixels. That of a convolution begins at zero and is then added,
// that of a matrix goes on from what stands there.
KERNEL outer(const float *source, const unsigned *places, const float *target, const unsigned *starts, float *gradients,
             unsigned n_parameters, unsigned weight, unsigned source_pixels, unsigned from, unsigned target_pixels, unsigned to,
             unsigned taps, unsigned added) {
    unsigned i = THREAD;
    if (i >= taps * from * to) return;
    unsigned output = i % to, input = i / to % from, tap = i / to / from;
    float *gradient = gradients + (size_t)CHUNK * n_parameters + weight + (size_t)(output * from + input) * taps + tap;
    float sum = added ? 0.0f : *gradient;
    for (unsigned image = starts[CHUNK]; image < starts[CHUNK + 1]; image++) {
        const float *values = source + (size_t)image * source_pixels * from + input;
        const float *slopes = target + (size_t)image * target_pixels * to + output;
#pragma unroll 8
        for (unsigned pixel = 0; pixel < target_pixels; pixel++) {
            unsigned place = places[tap * target_pixels + pixel];
            float value = place < source_pixels ? values[place * from] : 0.0f;
            sum = __fmaf_rn(value, slopes[pixel * to], sum);
        }
    }
    *gradient = added ? __fadd_rn(*gradient, sum) : sum;
}

// Adds the sums of a chunk's columns to the gradient.
KERNEL column_sums(const float *values, const unsigned *starts, float *gradients, unsigned n_parameters, unsigned at, unsigned pixels,
                   unsigned channels) {
    unsigned channel = THREAD;
    if (channel >= channels) return;
    float *gradient = gradients + (size_t)CHUNK * n_parameters + at + channel;
    float sum = *gradient;
#pragma unroll 16
    for (unsigned row = starts[CHUNK] * pixels; row < starts[CHUNK + 1] * pixels; row++)
        sum = __fadd_rn(sum, values[(size_t)row * channels + channel]);
    *gradient = sum;
}

// The sums of a chunk's columns over 64 rows at a time: of the values, or of their squared distances from the means.
KERNEL block_sums(const float *values, const float *means, const unsigned *starts, float *sums, unsigned pixels, unsigned channels,
                  unsigned blocks, unsigned squared) {
    unsigned channel = THREAD % channels, block = THREAD / channels;
    unsigned first = starts[CHUNK] * pixels + block * BLOCK, end = starts[CHUNK + 1] * pixels;
    if (block >= blocks || first >= end) return;
    if (end - first > BLOCK) end = first + BLOCK;
    float mean = squared ? means[CHUNK * channels + channel] : 0.0f, sum = 0.0f;
    for (unsigned row = first; row < end; row++) {
        float value = values[(size_t)row * channels + channel];
        if (squared) {
            float distance = __fsub_rn(value, mean);
            value = __fmul_rn(distance, distance);
        }
        sum = __fadd_rn(sum, value);
    }
    sums[(size_t)(CHUNK * blocks + block) * channels + channel] = sum;
}

// The means of a chunk's columns, from the sums over blocks.
KERNEL block_means(const float *sums, const unsigned *starts, float *means, unsigned pixels, unsigned channels, unsigned blocks) {
    unsigned channel = THREAD;
    if (channel >= channels) return;
    unsigned rows = (starts[CHUNK + 1] - starts[CHUNK]) * pixels, n = (rows + BLOCK - 1) / BLOCK;
    double sum = 0.0;
    for (unsigned block = 0; block < n; block++) sum = __dadd_rn(sum, (double)sums[(size_t)(CHUNK * blocks + block) * channels + channel]);
    means[CHUNK * channels + channel] = (float)__ddiv_rn(sum, (double)(rows > 1 ? rows : 1));
}

// The inverses of deviations.
KERNEL inverses(const float *variances, float *inverses, unsigned n) {
    if (THREAD < n) inverses[THREAD] = __fdiv_rn(1.0f, __fsqrt_rn(__fadd_rn(variances[THREAD], EPSILON)));
}

// The statistics that are remembered, for every chunk.
KERNEL remembered(const float *buffers, float *means, float *variances, unsigned mean, unsigned variance, unsigned channels) {
    unsigned channel = THREAD;
    if (channel >= channels) return;
    means[CHUNK * channels + channel] = buffers[mean + channel];
    variances[CHUNK * channels + channel] = buffers[variance + channel];
}

// Adds to the mean over `n` chunks of what normalisation saw in these.
KERNEL seen(const float *means, const float *variances, const unsigned *starts, float *statistics, unsigned mean, unsigned variance,
            unsigned pixels, unsigned channels, unsigned chunks, unsigned n) {
    unsigned channel = THREAD;
    if (channel >= channels) return;
    float mean_sum = statistics[mean + channel], variance_sum = statistics[variance + channel];
    for (unsigned chunk = 0; chunk < chunks; chunk++) {
        unsigned rows = (starts[chunk + 1] - starts[chunk]) * pixels;
        float unbiased = __fdiv_rn((float)rows, (float)(rows > 2 ? rows - 1 : 1));
        mean_sum = __fadd_rn(mean_sum, __fdiv_rn(means[chunk * channels + channel], (float)n));
        variance_sum = __fadd_rn(variance_sum, __fdiv_rn(__fmul_rn(variances[chunk * channels + channel], unbiased), (float)n));
    }
    statistics[mean + channel] = mean_sum;
    statistics[variance + channel] = variance_sum;
}

// Normal values, and those scaled and shifted.
KERNEL normalise(const float *values, const float *means, const float *inverses, const float *parameters, const unsigned *starts,
                 float *normal, float *output, unsigned scale, unsigned shift, unsigned pixels, unsigned channels) {
    unsigned size = pixels * channels;
    if (THREAD >= (starts[CHUNK + 1] - starts[CHUNK]) * size) return;
    size_t i = (size_t)starts[CHUNK] * size + THREAD;
    unsigned channel = THREAD % channels, of_chunk = CHUNK * channels + channel;
    float value = __fmul_rn(__fsub_rn(values[i], means[of_chunk]), inverses[of_chunk]);
    normal[i] = value;
    output[i] = __fadd_rn(__fmul_rn(value, parameters[scale + channel]), parameters[shift + channel]);
}

// How fast the outputs of normalisation change when its inputs move along `rates` and its parameters along `direction`.
KERNEL norm_tangent(const float *values, const float *rates, const float *means, const float *inverses, const float *parameters,
                    const float *direction, const unsigned *starts, float *change, unsigned scale, unsigned shift, unsigned pixels,
                    unsigned channels) {
    unsigned size = pixels * channels;
    if (THREAD >= (starts[CHUNK + 1] - starts[CHUNK]) * size) return;
    size_t i = (size_t)starts[CHUNK] * size + THREAD;
    unsigned channel = THREAD % channels, of_chunk = CHUNK * channels + channel;
    float normal = __fmul_rn(__fsub_rn(values[i], means[of_chunk]), inverses[of_chunk]);
    float rate = __fmul_rn(__fmul_rn(rates[i], inverses[of_chunk]), parameters[scale + channel]);
    change[i] = __fadd_rn(__fadd_rn(rate, __fmul_rn(normal, direction[scale + channel])), direction[shift + channel]);
}

// The sums of a chunk that the gradients of scales and shifts are.
KERNEL norm_sums(const float *slopes, const float *normal, const unsigned *starts, float *gradients, float *scales, float *shifts,
                 unsigned n_parameters, unsigned scale, unsigned shift, unsigned pixels, unsigned channels) {
    unsigned channel = THREAD;
    if (channel >= channels) return;
    float scale_sum = 0.0f, shift_sum = 0.0f;
#pragma unroll 16
    for (unsigned row = starts[CHUNK] * pixels; row < starts[CHUNK + 1] * pixels; row++) {
        float slope = slopes[(size_t)row * channels + channel];
        scale_sum = __fadd_rn(scale_sum, __fmul_rn(slope, normal[(size_t)row * channels + channel]));
        shift_sum = __fadd_rn(shift_sum, slope);
    }
    scales[CHUNK * channels + channel] = scale_sum;
    shifts[CHUNK * channels + channel] = shift_sum;
    float *gradient = gradients + (size_t)CHUNK * n_parameters + channel;
    gradient[scale] = __fadd_rn(gradient[scale], scale_sum);
    gradient[shift] = __fadd_rn(gradient[shift], shift_sum);
}

// From the slopes at what normalisation makes to those at what it gets.
KERNEL norm_backward(const float *slopes, const float *normal, const float *inverses, const float *parameters, const float *scales,
                     const float *shifts, const unsigned *starts, float *gradient, unsigned scale, unsigned pixels, unsigned channels,
                     unsigned of_chunk) {
    unsigned size = pixels * channels, examples = starts[CHUNK + 1] - starts[CHUNK];
    if (THREAD >= examples * size) return;
    size_t i = (size_t)starts[CHUNK] * size + THREAD;
    unsigned channel = THREAD % channels, at = CHUNK * channels + channel;
    float factor = __fmul_rn(parameters[scale + channel], inverses[at]), slope = slopes[i];
    if (of_chunk) {
        float rows = (float)(examples * pixels);
        slope = __fsub_rn(slope, __fdiv_rn(shifts[at], rows));
        slope = __fsub_rn(slope, __fmul_rn(normal[i], __fdiv_rn(scales[at], rows)));
    }
    gradient[i] = __fmul_rn(factor, slope);
}

// Negative values become zero; a NaN stays one.
KERNEL relu(const float *values, float *output, unsigned n) {
    if (THREAD < n) output[THREAD] = values[THREAD] < 0.0f ? 0.0f : values[THREAD];
}

// The slopes where an output is positive.
KERNEL relu_backward(const float *output, const float *slopes, float *gradient, unsigned n) {
    if (THREAD < n) gradient[THREAD] = output[THREAD] > 0.0f ? slopes[THREAD] : 0.0f;
}

// The largest of 2 × 2 pixels, of equals the first, and the place where it was.
KERNEL max_pool(const float *values, float *output, unsigned *places, unsigned n, unsigned height, unsigned width, unsigned channels) {
    unsigned i = THREAD, columns = width / 2, rows = height / 2;
    if (i >= n * rows * columns * channels) return;
    unsigned channel = i % channels, x = i / channels % columns, y = i / channels / columns % rows, image = i / channels / columns / rows;
    unsigned row = width * channels, best = image * height * row + 2 * (y * row + x * channels) + channel;
    unsigned others[3] = {best + channels, best + row, best + row + channels};
    for (unsigned other = 0; other < 3; other++)
        if (values[others[other]] > values[best]) best = others[other];
    places[i] = best;
    output[i] = values[best];
}

// What stands at some places.
KERNEL pick(const float *values, const unsigned *places, float *output, unsigned n) {
    if (THREAD < n) output[THREAD] = values[places[THREAD]];
}

// Slopes back to where the largest were; no two have one place.
KERNEL max_pool_backward(const float *slopes, const unsigned *places, float *gradient, unsigned n) {
    if (THREAD < n) gradient[places[THREAD]] = __fadd_rn(gradient[places[THREAD]], slopes[THREAD]);
}

// The mean of all pixels of each channel.
KERNEL mean_pool(const float *values, float *means, unsigned n, unsigned pixels, unsigned channels) {
    unsigned i = THREAD;
    if (i >= n * channels) return;
    const float *value = values + (size_t)(i / channels) * pixels * channels + i % channels;
    float sum = 0.0f;
    for (unsigned pixel = 0; pixel < pixels; pixel++) sum = __fadd_rn(sum, value[(size_t)pixel * channels]);
    means[i] = __fdiv_rn(sum, (float)pixels);
}

KERNEL mean_pool_backward(const float *slopes, float *gradient, unsigned n, unsigned pixels, unsigned channels) {
    unsigned i = THREAD, size = pixels * channels;
    if (i < n * size) gradient[i] = __fdiv_rn(slopes[i / size * channels + i % channels], (float)pixels);
}

// Images channel after channel, or backwards.
KERNEL flatten(const float *values, float *turned, unsigned n, unsigned pixels, unsigned channels, unsigned backward) {
    unsigned i = THREAD, size = pixels * channels;
    if (i >= n * size) return;
    unsigned image = i / size, pixel = i % size / channels, channel = i % channels, planar = image * size + channel * pixels + pixel;
    if (backward) turned[i] = values[planar];
    else turned[planar] = values[i];
}

KERNEL add(const float *values, const float *others, float *sum, unsigned n) {
    if (THREAD < n) sum[THREAD] = __fadd_rn(values[THREAD], others[THREAD]);
}

// `values`, and added to them a shortcut from `others`, which have every `stride`th pixel of them and channels on both sides of
// theirs (backwards), or which they have every `stride`th pixel of (forwards).
KERNEL padded(const float *values, const float *others, float *sum, unsigned n, unsigned height, unsigned width, unsigned from,
              unsigned rows, unsigned columns, unsigned to, unsigned backward) {
    unsigned i = THREAD, stride = (height + rows - 1) / rows, margin = (to - from) / 2;
    if (backward) {
        if (i >= n * height * width * from) return;
        unsigned channel = i % from, x = i / from % width, y = i / from / width % height, image = i / from / width / height;
        bool taken = x % stride == 0 && y % stride == 0 && x / stride < columns && y / stride < rows;
        unsigned other = ((image * rows + y / stride) * columns + x / stride) * to + margin + channel;
        sum[i] = taken ? __fadd_rn(values[i], others[other]) : values[i];
    } else {
        if (i >= n * rows * columns * to) return;
        unsigned channel = i % to, x = i / to % columns, y = i / to / columns % rows, image = i / to / columns / rows;
        bool inside = channel >= margin && channel < margin + from;
        unsigned other = ((image * height + stride * y) * width + stride * x) * from + channel - margin;
        sum[i] = inside ? __fadd_rn(values[i], others[other]) : values[i];
    }
}

// The gradients of chunks, one after another, as one: alone, or after what was found before.
KERNEL total(const float *gradients, float *total, unsigned n_parameters, unsigned chunks, unsigned alone) {
    unsigned i = THREAD;
    if (i >= n_parameters) return;
    float sum = alone ? gradients[i] : __fadd_rn(total[i], gradients[i]);
    for (unsigned chunk = 1; chunk < chunks; chunk++) sum = __fadd_rn(sum, gradients[(size_t)chunk * n_parameters + i]);
    total[i] = sum;
}
