/* Times the contenders that are called in C: loads one, calls it in a loop over all rows for each batch
 * size, and prints "batch ns-per-row" for each window. The scores of all rows go to a file, to be compared.
 *
 * LightGBM:  include/LightGBM/c_api.h, both its function for one row and the one for many
 * lleaves:   the function its compiler emits, forest_root(rows, scores, first, end)
 * tl2cgen:   the C that it generates, predict(entries, margin, score), one row a call
 */
#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FLOAT64 = 1, NORMAL = 0, ROW_MAJOR = 1, WARM_UP_NS = 10000000 };

static int features;

static void fail(const char *what) {
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static void *symbol(void *library, const char *name) {
	void *found = dlsym(library, name);
	if (!found) fail(dlerror());
	return found;
}

/* LightGBM */

static int (*for_mat)(void *, const void *, int, int32_t, int32_t, int, int, int, int, const char *, int64_t *, double *);
static int (*single_row)(void *, const void *, int64_t *, double *);
static const char *(*last_error)(void);
static void *booster, *fast_config;

static void predict_for_mat(const double *rows, int count, double *scores) {
	int64_t written;
	if (for_mat(booster, rows, FLOAT64, count, features, ROW_MAJOR, NORMAL, 0, -1, "num_threads=1", &written, scores))
		fail(last_error());
}

static void predict_single_row(const double *rows, int count, double *scores) {
	int64_t written;
	for (int i = 0; i < count; i++)
		if (single_row(fast_config, rows + (size_t)i * features, &written, scores + i)) fail(last_error());
}

static void open_lightgbm(void *library, const char *model) {
	int (*create)(const char *, int *, void **) = symbol(library, "LGBM_BoosterCreateFromModelfile");
	int (*init)(void *, int, int, int, int, int32_t, const char *, void **) =
		symbol(library, "LGBM_BoosterPredictForMatSingleRowFastInit");
	int iterations;
	last_error = symbol(library, "LGBM_GetLastError");
	for_mat = symbol(library, "LGBM_BoosterPredictForMat");
	single_row = symbol(library, "LGBM_BoosterPredictForMatSingleRowFast");
	if (create(model, &iterations, &booster)) fail(last_error());
	if (init(booster, NORMAL, 0, -1, FLOAT64, features, "num_threads=1", &fast_config)) fail(last_error());
}

/* lleaves */

static void (*forest_root)(const double *, double *, int, int);

static void predict_lleaves(const double *rows, int count, double *scores) { forest_root(rows, scores, 0, count); }

/* tl2cgen */

union entry {
	int missing;
	double value;
	int bin;
};
static void (*predict_row)(union entry *, int, double *);
static union entry *entries;

/* The entries are filled for every row, as tl2cgen's own predictor does: predict overwrites them. */
static void predict_tl2cgen(const double *rows, int count, double *scores) {
	for (int i = 0; i < count; i++, rows += features) {
		for (int k = 0; k < features; k++) {
			if (isnan(rows[k]))
				entries[k].missing = -1;
			else
				entries[k].value = rows[k];
		}
		scores[i] = 0;
		predict_row(entries, 0, scores + i);
	}
}

/* The loop */

typedef void predictor(const double *rows, int count, double *scores);

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* ns per row over a window of calls; the clock is read so seldom that it does not count. */
static double measure(predictor *predict, const double *rows, int count, int batch, double window, double *scores) {
	int at = 0, calls = 0, between = 1;
	double start = now(), elapsed;
	do {
		for (int i = 0; i < between; i++) {
			predict(rows + (size_t)at * features, batch, scores);
			at = (at + batch) % count;
		}
		calls += between;
		elapsed = now() - start;
		if (elapsed / calls * between < window / 100) between *= 2;
	} while (elapsed < window);
	return elapsed / calls / batch;
}

static double *read_rows(const char *path, int count) {
	size_t cells = (size_t)count * features;
	double *rows = malloc(cells * sizeof *rows);
	FILE *file = fopen(path, "rb");
	if (!rows || !file || fread(rows, sizeof *rows, cells, file) != cells) fail("the rows cannot be read");
	fclose(file);
	return rows;
}

int main(int argc, char **argv) {
	if (argc < 10) fail("usage: native CONTENDER LIBRARY MODEL ROWS COUNT FEATURES SCORES MILLISECONDS WINDOWS BATCH...");
	int count = atoi(argv[5]);
	double window = atof(argv[8]) * 1e6;
	int windows = atoi(argv[9]);
	features = atoi(argv[6]);
	void *library = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
	if (!library) fail(dlerror());
	predictor *predict = NULL;
	if (!strcmp(argv[1], "lightgbm-row")) {
		open_lightgbm(library, argv[3]);
		predict = predict_single_row;
	} else if (!strcmp(argv[1], "lightgbm")) {
		open_lightgbm(library, argv[3]);
		predict = predict_for_mat;
	} else if (!strcmp(argv[1], "lleaves")) {
		forest_root = symbol(library, "forest_root");
		predict = predict_lleaves;
	} else if (!strcmp(argv[1], "tl2cgen")) {
		predict_row = symbol(library, "predict");
		entries = calloc(features, sizeof *entries);
		predict = predict_tl2cgen;
	} else {
		fail("no such contender");
	}
	double *rows = read_rows(argv[4], count), *scores = calloc(count, sizeof *scores);
	predict(rows, count, scores);
	FILE *out = fopen(argv[7], "wb");
	if (!out || fwrite(scores, sizeof *scores, count, out) != (size_t)count || fclose(out)) fail("the scores cannot be written");
	for (int i = 10; i < argc; i++) {
		int batch = atoi(argv[i]);
		measure(predict, rows, count, batch, WARM_UP_NS, scores);
		for (int k = 0; k < windows; k++)
			printf("%d %.2f\n", batch, measure(predict, rows, count, batch, window, scores));
	}
	return 0;
}
