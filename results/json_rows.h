#pragma once
// Inside of the room: rows as JSON text, one after the other, so that large tables never stand in memory twice.
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "results/query.h"

namespace automask::results {

// {"schema_version": 1, "rows": [{...}, ...]}: columns keep their order; equal names get a number, keys are unique.
class JsonRows {
 public:
  JsonRows(std::ostream& out, const std::vector<std::string>& columns);
  void write(std::span<const Value> row);
  void finish();

 private:
  std::ostream& out_;
  std::vector<std::string> keys_;  // quoted, with the colon
  std::string text_;
  bool empty_ = true;
};

}  // namespace automask::results
