# Compiler settings and warnings as INTERFACE targets: nothing global but the standard and PIC.
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

add_library(automask_settings INTERFACE)
target_include_directories(automask_settings INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(automask_settings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor)
# GCC 12 warns of text + std::string, wrongly (its bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(automask_settings INTERFACE -Wno-restrict)
endif()
# Same bytes on every host: no fused multiply-add that the source doesn't name.
target_compile_options(automask_settings INTERFACE -ffp-contract=off)
# A static room may need a heavy library only in some of its objects; programs link what they use.
target_link_options(automask_settings INTERFACE -Wl,--as-needed)
if(AUTOMASK_SANITIZE)
  target_compile_options(automask_settings INTERFACE -fsanitize=${AUTOMASK_SANITIZE} -fno-omit-frame-pointer -g)
  target_link_options(automask_settings INTERFACE -fsanitize=${AUTOMASK_SANITIZE})
endif()
