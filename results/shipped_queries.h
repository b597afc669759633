#pragma once
// Inside of the room: experiments/queries/*.sql as the build found them, so that the program needs no file of its own.
#include <span>

namespace automask::results {

struct ShippedQuery {
  const char* name;
  const char* sql;
};
std::span<const ShippedQuery> shipped_queries();  // defined in the generated shipped_queries.cpp

}  // namespace automask::results
