/* What encoding needs of the values of a piece, in one pass: zoom records, histogram, totals, and
 * the sections of a bigWig before compression. plain.py does the same with numpy, says what each
 * part means, and is the reference: tests/tracks/test_onepass.py compares every bit.
 *
 * C99 without Python's API, called through ctypes, so that one build serves every Python and the
 * interpreter's lock is let go. Sums run in float64, value after value; -ffp-contract=off keeps a
 * compiler from fusing a product with a sum, which would change last digits.
 */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
#error "Sums would be rounded otherwise than numpy rounds them."
#endif
#ifndef SOURCE_CHECKSUM
#define SOURCE_CHECKSUM 0
#endif
#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

enum { RECORD_BINS = 64, CHUNK_BINS = 1024, CLASSES = 1 << 16, TOGETHER = 4, LANES = 8 };
enum { VALUE_COST = 4, SECTION_COST = 64, ITEM_COST = 16 };
enum { BED_GRAPH = 1, FIXED_STEP = 3, HEAD_BYTES = 24, VALUE_BYTES = 4, ITEM_BYTES = 12 };
enum { DONE = 0, NO_ROOM = 1 };

/* The dtypes RECORD of zoom.py and SECTION of piece.py; HISTOGRAM is packed, 2 and 8 bytes. */
typedef struct {
    uint32_t contig, start, end, count;
    float min, max;
    double sum, sum_squares;
} Record;
typedef struct {
    uint32_t start, end;
    uint64_t offset, size;
} Section;
enum { HISTOGRAM_BYTES = 10 };

typedef char record_is_packed[sizeof(Record) == 40 ? 1 : -1];
typedef char section_is_packed[sizeof(Section) == 24 ? 1 : -1];

/* Consecutive bins of one contig; the last one is shorter if `end` says so. */
typedef struct {
    const float *values;
    uint64_t bins, start, end;
    uint32_t bin_size, contig;
    uint64_t items_per_block;
} Bins;

typedef struct {
    uint64_t records, classes, sections, bytes, bases, values;
    double min, max, sum, sum_squares;
} Found;

EXPORT uint32_t tracksmith_checksum(void) { return SOURCE_CHECKSUM; }

/* ---- sums without error, to be rounded once: what math.fsum gives ---- */

/* Parts do not overlap, and squares of float32 up to 2^47 over 2^32 bases span 424 bits: there are
 * never more parts. Of greater values the sum is not asked for; they are refused. */
enum { PARTIALS = 512 };
typedef struct {
    double part[PARTIALS]; /* ascending in size, not overlapping */
    int count;
} ExactSum;

static void exact_add(ExactSum *sum, double x) {
    int kept = 0;
    for (int i = 0; i < sum->count; i++) {
        double y = sum->part[i];
        if (fabs(x) < fabs(y)) {
            double swap = x;
            x = y;
            y = swap;
        }
        double high = x + y;
        double low = y - (high - x);
        if (low != 0.0)
            sum->part[kept++] = low;
        x = high;
    }
    if (x != 0.0 && kept < PARTIALS)
        sum->part[kept++] = x;
    sum->count = kept;
}

static double exact_value(const ExactSum *sum) {
    int n = sum->count;
    if (n == 0)
        return 0.0;
    double high = sum->part[--n], low = 0.0;
    while (n > 0) {
        double x = high, y = sum->part[--n];
        high = x + y;
        low = y - (high - x);
        if (low != 0.0)
            break;
    }
    /* half way between two doubles, what is smaller still decides */
    if (n > 0 && ((low < 0.0) == (sum->part[n - 1] < 0.0)) && sum->part[n - 1] != 0.0) {
        double twice = low * 2.0, up = high + twice;
        if (twice == up - high)
            high = up;
    }
    return high;
}

/* ---- zoom records ---- */

static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t full_bins(const Bins *bins) { return (bins->end - bins->start) / bins->bin_size; }

/* Return how many of `count` values are none of NaN; note the least and the greatest. */
static uint64_t extremes(const float *values, uint64_t count, float *least, float *greatest) {
    float low[LANES], high[LANES];
    uint32_t valid = 0;
    uint64_t at = 0;
    for (int lane = 0; lane < LANES; lane++) {
        low[lane] = INFINITY;
        high[lane] = -INFINITY;
    }
    for (; at + LANES <= count; at += LANES)
        for (uint64_t lane = 0; lane < LANES; lane++) {
            float value = values[at + lane];
            low[lane] = value < low[lane] ? value : low[lane];
            high[lane] = value > high[lane] ? value : high[lane];
            valid += value == value;
        }
    for (; at < count; at++) {
        float value = values[at];
        low[0] = value < low[0] ? value : low[0];
        high[0] = value > high[0] ? value : high[0];
        valid += value == value;
    }
    for (int lane = 1; lane < LANES; lane++) {
        low[0] = low[lane] < low[0] ? low[lane] : low[0];
        high[0] = high[lane] > high[0] ? high[lane] : high[0];
    }
    /* adding 0 turns -0 into 0: which of the two came first must not show */
    *least = low[0] + 0.0f;
    *greatest = high[0] + 0.0f;
    return valid;
}

/* Sum the bins of one record, of which the first `lead` and the last ones may lie outside;
 * gaps and bins outside count as 0. */
static void sum_some(const float *values, uint64_t lead, uint64_t count, double *sum,
                     double *squares) {
    double total = 0.0, square = 0.0;
    for (uint64_t slot = 0; slot < RECORD_BINS; slot++) {
        double value = 0.0;
        if (slot >= lead && slot - lead < count && values[slot - lead] == values[slot - lead])
            value = values[slot - lead];
        total = slot ? total + value : value;
        square = slot ? square + value * value : value * value;
    }
    *sum = total;
    *squares = square;
}

/* Sum several records of 64 values side by side, each value after value. */
static void sum_together(const float *values, double *sum, double *squares) {
    double total[TOGETHER], square[TOGETHER];
    for (int k = 0; k < TOGETHER; k++) {
        double value = values[k * RECORD_BINS];
        total[k] = value;
        square[k] = value * value;
    }
    for (int slot = 1; slot < RECORD_BINS; slot++)
        for (int k = 0; k < TOGETHER; k++) {
            double value = values[k * RECORD_BINS + slot];
            total[k] += value;
            square[k] += value * value;
        }
    for (int k = 0; k < TOGETHER; k++) {
        sum[k] = total[k];
        squares[k] = square[k];
    }
}

/* Fill in one record but for its sums; return how many bins have a value. */
static uint64_t describe(const Bins *bins, uint64_t first, uint64_t count, Record *record) {
    const float *values = bins->values + first;
    uint64_t valid = extremes(values, count, &record->min, &record->max);
    uint64_t low = 0, high = count;
    if (valid == 0)
        return 0;
    if (valid < count) {
        while (values[low] != values[low])
            low++;
        while (values[high - 1] != values[high - 1])
            high--;
    }
    record->contig = bins->contig;
    record->start = (uint32_t)(bins->start + (first + low) * bins->bin_size);
    record->end = (uint32_t)(bins->start + (first + high) * bins->bin_size);
    record->count = (uint32_t)(valid * bins->bin_size);
    return valid;
}

static uint64_t one_record(const Bins *bins, uint64_t first, uint64_t lead, uint64_t count,
                           Record *record) {
    if (describe(bins, first, count, record) == 0)
        return 0;
    sum_some(bins->values + first, lead, count, &record->sum, &record->sum_squares);
    record->sum *= bins->bin_size;
    record->sum_squares *= bins->bin_size;
    return 1;
}

/* Records of 64 full bins, aligned to multiples of 64 bins; those without a value are left out. */
static uint64_t records_of_bins(const Bins *bins, Record *records) {
    uint64_t full = full_bins(bins), found = 0, at = 0;
    uint64_t lead = bins->start / bins->bin_size % RECORD_BINS;
    if (full && lead) {
        at = smaller(RECORD_BINS - lead, full);
        found += one_record(bins, 0, lead, at, records);
    }
    for (; at + TOGETHER * RECORD_BINS <= full; at += TOGETHER * RECORD_BINS) {
        double sums[TOGETHER], squares[TOGETHER];
        sum_together(bins->values + at, sums, squares);
        for (int k = 0; k < TOGETHER; k++) {
            Record *record = records + found;
            uint64_t first = at + (uint64_t)k * RECORD_BINS;
            uint64_t valid = describe(bins, first, RECORD_BINS, record);
            if (valid == 0)
                continue;
            record->sum = sums[k];
            record->sum_squares = squares[k];
            if (valid < RECORD_BINS)
                sum_some(bins->values + first, 0, RECORD_BINS, &record->sum, &record->sum_squares);
            record->sum *= bins->bin_size;
            record->sum_squares *= bins->bin_size;
            found++;
        }
    }
    for (; at < full; at += RECORD_BINS)
        found += one_record(bins, at, 0, smaller(RECORD_BINS, full - at), records + found);
    return found;
}

/* Add the contig's shorter last bin, which counts for fewer bases. */
static uint64_t add_short_bin(const Bins *bins, Record *records, uint64_t found) {
    uint64_t full = full_bins(bins), start = bins->start + full * bins->bin_size;
    uint64_t cell = (uint64_t)RECORD_BINS * bins->bin_size;
    if (full == bins->bins || bins->values[full] != bins->values[full])
        return found;
    float value = bins->values[full] + 0.0f;
    double wide = bins->values[full];
    double bases = (double)(bins->end - start);
    Record last = {bins->contig, (uint32_t)start, (uint32_t)bins->end, (uint32_t)(bins->end - start),
                   value, value, wide * bases, wide * wide * bases};
    if (found == 0 || records[found - 1].start / cell != start / cell) {
        records[found] = last;
        return found + 1;
    }
    Record *record = records + found - 1;
    record->end = last.end;
    record->count += last.count;
    record->min = last.min < record->min ? last.min : record->min;
    record->max = last.max > record->max ? last.max : record->max;
    record->sum += last.sum;
    record->sum_squares += last.sum_squares;
    return found;
}

static void add_up(const Record *records, uint64_t count, Found *found) {
    ExactSum sum = {{0.0}, 0}, squares = {{0.0}, 0};
    found->bases = 0;
    found->min = INFINITY;
    found->max = -INFINITY;
    for (uint64_t i = 0; i < count; i++) {
        found->bases += records[i].count;
        found->min = records[i].min < found->min ? records[i].min : found->min;
        found->max = records[i].max > found->max ? records[i].max : found->max;
        exact_add(&sum, records[i].sum);
        exact_add(&squares, records[i].sum_squares);
    }
    found->sum = exact_value(&sum);
    found->sum_squares = exact_value(&squares);
}

/* ---- histogram ---- */

/* Count finite values under the upper 16 bits of their pattern, ascending. `counts` are all zero,
 * and are so again afterwards. */
static int count_classes(const Bins *bins, uint32_t *counts, unsigned char *rows, uint64_t room,
                         Found *found) {
    unsigned char used[CLASSES / 256] = {0};
    int status = DONE;
    for (uint64_t i = 0; i < bins->bins; i++) {
        uint32_t pattern;
        memcpy(&pattern, bins->values + i, sizeof pattern);
        counts[pattern >> 16]++;
        used[pattern >> 24] = 1;
    }
    found->classes = found->values = 0;
    for (uint32_t key = 0; key < CLASSES; key++) {
        if (key % 256 == 0 && !used[key / 256]) {
            key += 255;
            continue;
        }
        uint64_t count = counts[key];
        uint16_t narrow = (uint16_t)key;
        counts[key] = 0;
        if (count == 0 || (key & 0x7F80) == 0x7F80)
            continue;
        if (found->classes == room) {
            status = NO_ROOM;
            continue;
        }
        memcpy(rows + found->classes * HISTOGRAM_BYTES, &narrow, sizeof narrow);
        memcpy(rows + found->classes * HISTOGRAM_BYTES + sizeof narrow, &count, sizeof count);
        found->classes++;
        found->values += count;
    }
    return status;
}

/* ---- sections ---- */

/* Where sections go. Without `bytes` they are only counted. */
typedef struct {
    Section *sections;
    unsigned char *bytes;
    uint64_t most_sections, most_bytes, count, size;
    int status;
} Sink;

static int fits(Sink *sink, uint64_t payload) {
    if (sink->bytes == NULL)
        return 1;
    if (sink->count >= sink->most_sections || sink->size > sink->most_bytes ||
        sink->most_bytes - sink->size < HEAD_BYTES + payload) {
        sink->status = NO_ROOM;
        return 0;
    }
    return 1;
}

/* Write the head of a section whose items lie behind it already, or soon will. */
static void close_section(const Bins *bins, Sink *sink, int kind, uint64_t start, uint64_t end,
                          uint64_t items) {
    uint64_t size = HEAD_BYTES + items * (kind == FIXED_STEP ? VALUE_BYTES : ITEM_BYTES);
    if (sink->bytes != NULL) {
        uint32_t step = kind == FIXED_STEP ? bins->bin_size : 0;
        uint32_t words[5] = {bins->contig, (uint32_t)start, (uint32_t)end, step, step};
        unsigned char *head = sink->bytes + sink->size;
        uint16_t count = (uint16_t)items;
        memcpy(head, words, sizeof words);
        head[20] = (unsigned char)kind;
        head[21] = 0;
        memcpy(head + 22, &count, sizeof count);
        Section row = {(uint32_t)start, (uint32_t)end, sink->size, size};
        sink->sections[sink->count] = row;
    }
    sink->count++;
    sink->size += size;
}

/* Bins [first, last), none of them a gap, as sections of values alone. */
static void fixed_steps(const Bins *bins, Sink *sink, uint64_t first, uint64_t last) {
    for (uint64_t at = first; at < last; at += bins->items_per_block) {
        uint64_t count = smaller(bins->items_per_block, last - at);
        if (!fits(sink, count * VALUE_BYTES))
            return;
        if (sink->bytes != NULL)
            memcpy(sink->bytes + sink->size + HEAD_BYTES, bins->values + at, count * VALUE_BYTES);
        uint64_t start = bins->start + at * bins->bin_size;
        close_section(bins, sink, FIXED_STEP, start, start + count * bins->bin_size, count);
    }
}

/* Return the first gap from bin `at` on, or `last`. */
static uint64_t next_gap(const float *values, uint64_t at, uint64_t last) {
    for (; at + RECORD_BINS <= last; at += RECORD_BINS) {
        uint32_t valid = 0;
        for (uint64_t i = 0; i < RECORD_BINS; i++)
            valid += values[at + i] == values[at + i];
        if (valid < RECORD_BINS)
            break;
    }
    while (at < last && values[at] == values[at])
        at++;
    return at;
}

/* The stretches without a gap of bins [first, last). */
static void dense_bins(const Bins *bins, Sink *sink, uint64_t first, uint64_t last) {
    const float *values = bins->values;
    uint64_t at = first;
    while (at < last && sink->status == DONE) {
        while (at < last && values[at] != values[at])
            at++;
        uint64_t begin = at;
        at = next_gap(values, at, last);
        if (begin < at)
            fixed_steps(bins, sink, begin, at);
    }
}

static void put_item(Sink *sink, uint64_t number, uint64_t start, uint64_t end, float value) {
    uint32_t words[2] = {(uint32_t)start, (uint32_t)end};
    unsigned char *item = sink->bytes + sink->size + HEAD_BYTES + number * ITEM_BYTES;
    memcpy(item, words, sizeof words);
    memcpy(item + sizeof words, &value, sizeof value);
}

/* Bins [first, last) as intervals, equal neighbours merged. */
static void sparse_bins(const Bins *bins, Sink *sink, uint64_t first, uint64_t last) {
    const float *values = bins->values;
    uint64_t items = 0, section_start = 0, end = 0;
    for (uint64_t at = first; at < last;) {
        uint64_t begin = at++;
        if (values[begin] != values[begin])
            continue;
        while (at < last && values[at] == values[at - 1])
            at++;
        uint64_t start = bins->start + begin * bins->bin_size;
        end = bins->start + at * bins->bin_size;
        if (items == 0)
            section_start = start;
        if (!fits(sink, (items + 1) * ITEM_BYTES))
            return;
        if (sink->bytes != NULL)
            put_item(sink, items, start, end, values[begin]);
        if (++items == bins->items_per_block) {
            close_section(bins, sink, BED_GRAPH, section_start, end, items);
            items = 0;
        }
    }
    if (items)
        close_section(bins, sink, BED_GRAPH, section_start, end, items);
}

static void short_bin(const Bins *bins, Sink *sink, uint64_t at) {
    uint64_t start = bins->start + at * bins->bin_size;
    float value = bins->values[at];
    if (value != value || !fits(sink, ITEM_BYTES))
        return;
    if (sink->bytes != NULL)
        put_item(sink, 0, start, bins->end, value);
    close_section(bins, sink, BED_GRAPH, start, bins->end, 1);
}

/* Say for each chunk of bins whether fixed steps are smaller than intervals. */
static void choose_kinds(const Bins *bins, unsigned char *dense) {
    const float *values = bins->values;
    uint64_t full = full_bins(bins);
    for (uint64_t first = 0; first < full; first += CHUNK_BINS) {
        uint64_t last = smaller(first + CHUNK_BINS, full), at = first;
        uint32_t valid = 0, items = 0, runs = 0;
        if (first == 0) {
            valid = items = runs = values[0] == values[0];
            at = 1;
        }
        for (; at < last; at++) {
            uint32_t here = values[at] == values[at];
            uint32_t before = values[at - 1] == values[at - 1];
            valid += here;
            items += here & (uint32_t)(values[at] != values[at - 1]);
            runs += here & (before ^ 1u);
        }
        if (runs == 0 && valid > 0)
            runs = 1;
        dense[first / CHUNK_BINS] =
            valid > 0 && valid * VALUE_COST + runs * SECTION_COST <= items * ITEM_COST;
    }
}

/* Chunks of one kind side by side are written together. */
static void write_sections(const Bins *bins, const unsigned char *dense, Sink *sink) {
    uint64_t full = full_bins(bins), first = 0;
    while (first < full && sink->status == DONE) {
        unsigned char kind = dense[first / CHUNK_BINS];
        uint64_t last = first;
        while (last < full && dense[last / CHUNK_BINS] == kind)
            last = smaller(last + CHUNK_BINS, full);
        if (kind)
            dense_bins(bins, sink, first, last);
        else
            sparse_bins(bins, sink, first, last);
        first = last;
    }
    if (full < bins->bins && sink->status == DONE)
        short_bin(bins, sink, full);
}

/* ---- what Python calls ---- */

/* Survey the values. `counts` are 65,536 zeros, which they are again afterwards. `records` has room
 * for one row per 64 bins begun and two more, `classes` for `most_classes` rows, `dense` for one
 * byte per 1,024 bins begun. */
EXPORT int tracksmith_survey(const Bins *bins, uint32_t *counts, Record *records,
                             unsigned char *classes, uint64_t most_classes, unsigned char *dense,
                             Found *found) {
    Sink counted = {NULL, NULL, 0, 0, 0, 0, DONE};
    int status = count_classes(bins, counts, classes, most_classes, found);
    if (status != DONE)
        return status;
    found->records = records_of_bins(bins, records);
    found->records = add_short_bin(bins, records, found->records);
    add_up(records, found->records, found);
    choose_kinds(bins, dense);
    write_sections(bins, dense, &counted);
    found->sections = counted.count;
    found->bytes = counted.size;
    return DONE;
}

/* Write the sections that the survey counted. */
EXPORT int tracksmith_sections(const Bins *bins, const unsigned char *dense, Section *sections,
                               uint64_t most_sections, unsigned char *bytes, uint64_t most_bytes) {
    Sink sink = {sections, bytes, most_sections, most_bytes, 0, 0, DONE};
    write_sections(bins, dense, &sink);
    return sink.status;
}
