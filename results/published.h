#pragma once
// Finished cells as small files, so that results travel with the sources: `automask db export` writes
// <folder>/<experiment>/<cell>.json, `automask db merge` reads them. Raw latencies and files stay in the store.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "results/store.h"

namespace automask::results {

// The newest attempt of a key, whole but for its samples; nothing where there is none.
std::optional<RunRecord> stored_run(const Store& store, const std::string& key);

// Keys of the runs an experiment's tables show, in their order.
std::vector<std::string> current_keys(const Store& store, const std::string& experiment);
std::vector<std::string> experiment_names(const Store& store);

struct Exported {
  struct Experiment {
    std::string name;
    std::size_t cells = 0;
    std::uintmax_t bytes = 0;  // of these cells, without what they share
  };
  std::vector<Experiment> experiments;  // those that have cells
  std::uintmax_t shared_bytes = 0;      // of <folder>/shared.json, in which all cells of the folder have a part
};
// Writes the current runs of experiments that passed. What cells have in common stands once, in <folder>/shared.json;
// cells of earlier exports stay. The same stores give the same bytes. Numbers keep eight digits, counts all of theirs,
// ends of intervals and what a training's record has six; its curves keep six points, but for learning rates, which
// follow from its options. The pictures' artifacts are left out, since the manifest makes them again, and of where a
// file lay in the store only its name stays. Without `latencies` whatever was timed on the target stays at home too:
// for runs beside which others were training. Error(corrupt) where the folder holds what this program does not read:
// then nothing was written.
Exported export_published(const Store& store, const std::vector<std::string>& experiments,
                          const std::filesystem::path& folder, bool latencies = true);

// All cells below a folder, or one cell's file, sorted by path. Error(corrupt) names file, place and fault.
std::vector<RunRecord> read_published(const std::filesystem::path& path);

// Runs that were imported: keys, and the file. Only such that passed; those that say most come last.
struct Imported {
  std::string portable_key, key, origin;
};
std::vector<Imported> imported_runs(const Store& store);

}  // namespace automask::results
