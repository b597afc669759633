#pragma once
// Inside of the room: the report's style sheet, light and dark.

namespace automask::results {

extern const char* const report_style;

}  // namespace automask::results
