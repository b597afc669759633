#include "harness/resolve.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "graph/graph.h"
#include "models/zoo.h"

namespace automask::harness {
namespace {

using core::Json;

const std::array<std::string, 4>& axes() {
  static const std::array<std::string, 4> names = {"dataset", "model", "method", "target"};
  return names;
}

using Point = std::array<std::size_t, 4>;  // one index per axis

template <class Items>
std::size_t index_of(const Items& items, const std::string& name) {
  for (std::size_t i = 0; i < items.size(); ++i)
    if (items[i].name == name) return i;
  return items.size();  // names were checked with the manifest
}

std::size_t index_on(const Manifest& manifest, std::size_t axis, const std::string& name) {
  switch (axis) {
    case 0:
      return index_of(manifest.datasets, name);
    case 1:
      return index_of(manifest.models, name);
    case 2:
      return index_of(manifest.methods, name);
    default:
      return index_of(manifest.targets, name);
  }
}

std::string name_on(const Manifest& manifest, std::size_t axis, const Cell& cell) {
  switch (axis) {
    case 0:
      return manifest.datasets[cell.dataset].name;
    case 1:
      return manifest.models[cell.model].name;
    case 2:
      return manifest.methods[cell.method].name;
    default:
      return manifest.targets[cell.target].name;
  }
}

const std::vector<std::string>& values(const Matrix& matrix, std::size_t axis) {
  const std::vector<std::string>* lists[] = {&matrix.dataset, &matrix.model, &matrix.method, &matrix.target};
  return *lists[axis];
}

// All combinations: each group of axes that advance together counts as one dimension, the last varies fastest.
std::vector<Point> multiply(const Manifest& manifest, const std::array<std::vector<std::string>, 4>& lists,
                            const std::vector<std::vector<std::size_t>>& groups) {
  std::vector<Point> points = {Point{}};
  for (const auto& group : groups) {
    std::vector<Point> longer;
    for (const Point& point : points)
      for (std::size_t i = 0; i < lists[group.front()].size(); ++i) {
        Point next = point;
        for (const std::size_t axis : group) next[axis] = index_on(manifest, axis, lists[axis][i]);
        longer.push_back(next);
      }
    points = std::move(longer);
  }
  return points;
}

std::vector<std::vector<std::size_t>> groups_of(const Matrix& matrix) {
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t axis = 0; axis < axes().size(); ++axis) {
    bool leads = true;
    std::vector<std::size_t> group = {axis};
    for (const auto& together : matrix.zip) {
      if (std::find(together.begin(), together.end(), axes()[axis]) == together.end()) continue;
      group.clear();
      for (std::size_t other = 0; other < axes().size(); ++other)
        if (std::find(together.begin(), together.end(), axes()[other]) != together.end()) group.push_back(other);
      leads = group.front() == axis;
    }
    if (leads) groups.push_back(group);
  }
  return groups;
}

bool excluded(const Manifest& manifest, const Cell& cell) {
  for (const Json& pattern : manifest.matrix.exclude) {
    bool all = true;
    for (std::size_t axis = 0; axis < axes().size() && all; ++axis)
      if (const auto glob = pattern.find(axes()[axis]); glob != pattern.end())
        all = glob_matches(glob->get<std::string>(), name_on(manifest, axis, cell));
    if (const auto seed = pattern.find("seed"); seed != pattern.end())
      all = all && seed->get<std::int64_t>() == cell.seed;
    if (all) return true;
  }
  return false;
}

void check_shapes(const Manifest& manifest, const std::vector<Cell>& cells) {
  std::set<std::pair<std::size_t, std::size_t>> seen;
  const auto check = [&](const Cell& cell, std::size_t model_index) {
    if (!seen.emplace(cell.dataset, model_index).second) return;
    const auto& dataset = manifest.datasets[cell.dataset];
    const auto& model = manifest.models[model_index];
    const core::JsonCursor cursor(model.parameters, manifest.file.string(), "/models/" + model.name);
    try {
      graph::infer_shapes(models::build_model(cursor, {dataset.channels, dataset.height, dataset.width}, 10));
    } catch (const graph::GraphError& error) {
      cursor.fail("does not fit the pictures of \"" + dataset.name + "\": " + error.what(),
                  "use another model, or exclude the pair in /matrix/exclude");
    }
  };
  for (const Cell& cell : cells) {
    check(cell, cell.model);
    // A teacher sees the same pictures.
    const std::string& teacher = manifest.methods[cell.method].distillation.model;
    if (!teacher.empty()) check(cell, index_of(manifest.models, teacher));
  }
}

}  // namespace

bool glob_matches(const std::string& pattern, const std::string& text) {
  return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

std::vector<Cell> resolve_cells(const Manifest& manifest) {
  std::vector<Cell> cells;
  std::set<std::tuple<Point, std::int64_t, int>> seen;
  const auto add = [&](const Point& point, const std::vector<std::int64_t>& seeds) {
    for (const std::int64_t seed : seeds)
      for (int repetition = 0; repetition < manifest.repetitions; ++repetition) {
        const Cell cell{point[0], point[1], point[2], point[3], seed, repetition};
        if (!excluded(manifest, cell) && seen.emplace(point, seed, repetition).second) cells.push_back(cell);
      }
  };
  std::array<std::vector<std::string>, 4> lists;
  for (std::size_t axis = 0; axis < lists.size(); ++axis) lists[axis] = values(manifest.matrix, axis);
  for (const Point& point : multiply(manifest, lists, groups_of(manifest.matrix))) add(point, manifest.seeds);
  for (const Json& extra : manifest.matrix.include) {
    auto chosen = lists;
    for (std::size_t axis = 0; axis < axes().size(); ++axis)
      if (const auto value = extra.find(axes()[axis]); value != extra.end()) chosen[axis] = {value->get<std::string>()};
    auto seeds = manifest.seeds;
    if (const auto seed = extra.find("seed"); seed != extra.end()) seeds = {seed->get<std::int64_t>()};
    for (const Point& point : multiply(manifest, chosen, {{0}, {1}, {2}, {3}})) add(point, seeds);
  }
  if (cells.empty())
    throw core::Error(core::ExitCode::invalid_manifest, manifest.file.string() + ": /matrix", "leaves no cell",
                      "check its axes and \"exclude\"");
  check_shapes(manifest, cells);
  return cells;
}

std::string describe(const Manifest& manifest, const Cell& cell) {
  std::string text;
  for (std::size_t axis = 0; axis < axes().size(); ++axis) text += name_on(manifest, axis, cell) + " ";
  text += "seed " + std::to_string(cell.seed);
  if (cell.repetition > 0) text += " repetition " + std::to_string(cell.repetition);
  return text;
}

Filter Filter::parse(const std::string& text) {
  Filter filter;
  std::vector<std::string> known(axes().begin(), axes().end());
  known.push_back("seed");
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    const std::string term = text.substr(start, comma - start);
    start = comma + 1;
    const auto equals = term.find('=');
    if (equals == std::string::npos || equals + 1 == term.size())
      throw core::Error(core::ExitCode::usage, "--filter " + text, "\"" + term + "\" is no axis=value",
                        "write e.g. method=automask,dataset=fashion*");
    const std::string axis = term.substr(0, equals);
    if (std::find(known.begin(), known.end(), axis) == known.end())
      throw core::Error(core::ExitCode::usage, "--filter " + text, "no axis \"" + axis + "\"",
                        core::suggestion(axis, known));
    Term parsed{axis, {}};
    const std::string globs = term.substr(equals + 1);
    for (std::size_t from = 0; from <= globs.size();) {
      const std::size_t bar = std::min(globs.find('|', from), globs.size());
      parsed.globs.push_back(globs.substr(from, bar - from));
      from = bar + 1;
    }
    filter.terms_.push_back(std::move(parsed));
  }
  return filter;
}

bool Filter::matches(const Manifest& manifest, const Cell& cell) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    std::string value = std::to_string(cell.seed);
    for (std::size_t axis = 0; axis < axes().size(); ++axis)
      if (axes()[axis] == term.axis) value = name_on(manifest, axis, cell);
    return std::any_of(term.globs.begin(), term.globs.end(),
                       [&](const std::string& glob) { return glob_matches(glob, value); });
  });
}

}  // namespace automask::harness
