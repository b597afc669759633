#pragma once
// Every option a method may take besides "train": how it is read, checked and written. One table, in options.cpp.
#include <string>
#include <vector>

#include "methods/catalogue.h"

namespace automask::methods {

struct Option {
  const char* key;
  void (*read)(const core::JsonCursor& value, MethodSpec& spec);  // fails with pointer and remedy
  core::Json (*write)(const MethodSpec& spec);                    // canonical, complete with defaults
};
const std::vector<Option>& options();
const Option& option(const std::string& key);  // one of the table

void read_train(const core::JsonCursor& cursor, TrainOptions& train);
core::Json to_json(const TrainOptions& train);

}  // namespace automask::methods
