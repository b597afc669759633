#pragma once
// Large values that stand in several places of a set of documents stand once, as parts that {"$": name} names. So do
// the keys that objects have in common: {"$": [name, value, ...]} are the values of the sorted keys that `name` names.
#include <functional>
#include <string>

#include "core/json.h"

namespace automask::results {

// What a value's content gives it: the first 7 digits of its SHA-256 in base64url (RFC 4648). Of a thousand values two
// have the same name once in eight million sets; who writes them looks whether they do.
std::string content_name(const core::Json& value);

// The keys of an object, and the values of these under their name: {"$": [name, value, ...]}.
core::Json keys_of(const core::Json& object);
core::Json with_named_keys(const std::string& name, core::Json object);
// The inverse: the object of `names` whose i-th value is value_of(i). `place` fails where there are not as many values.
core::Json with_own_keys(const core::JsonCursor& names, std::size_t values, const core::JsonCursor& place,
                         const std::function<core::Json(std::size_t)>& value_of);

// `documents`: kind, name, document. The same with references, and under "parts" and "keys" what these name.
core::Json divided(const core::Json& documents);

// The inverse: only kinds, whole documents. Error of the cursor's code: a part that is missing, is not what its name
// was given for, or has no end; keys that are missing or as many as their values are not.
core::Json undivided(const core::JsonCursor& documents);

}  // namespace automask::results
