#pragma once
// Reports from the database alone: the same database gives the same bytes.
#include <filesystem>
#include <string>
#include <vector>

#include "results/store.h"

namespace automask::results {

struct ReportFiles {
  std::filesystem::path html, markdown;
};

// One self-contained HTML page (no network, light and dark, plots as inline SVG: accuracy by condition, accuracy
// against MACs, latency, bytes) and the same tables as Markdown. Every number carries interval, evidence and its run's
// key.
ReportFiles write_report(const Store& store, const std::string& experiment, const std::filesystem::path& folder);

// The Markdown text alone: accuracy by condition (methods as rows, conditions as columns), latency, storage.
std::string markdown_summary(const Store& store, const std::string& experiment);

}  // namespace automask::results
