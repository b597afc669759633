#pragma once
// A finished cell as a small JSON document, and back. What other cells have too stands in the shared documents.
#include <string>

#include "core/json.h"
#include "results/shared_documents.h"
#include "results/store.h"

namespace automask::results {

// Without `latencies` what was timed on the target is left out.
core::Json cell_json(const RunRecord& run, SharedDocuments& shared, bool latencies);

// Error(corrupt) names file, place and fault.
RunRecord run_of(const core::JsonCursor& cell, const SharedDocuments& shared);

}  // namespace automask::results
