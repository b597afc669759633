# Every third-party library, in one place. scripts/install-deps.sh and the Containerfile name the packages.
find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(ZLIB REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS context)
find_package(CLI11 REQUIRED)
find_package(fmt REQUIRED)
find_package(OpenCV REQUIRED COMPONENTS core imgproc imgcodecs)
# Codecs themselves, since OpenCV's wrappers hide what matters: subsampling, scans, the encoder's messages.
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(LibArchive REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp)
pkg_check_modules(OPENJPEG REQUIRED IMPORTED_TARGET libopenjp2)
pkg_check_modules(AVCODEC REQUIRED IMPORTED_TARGET libavcodec libavutil)
# Debian's LibTorch, or a newer one given by CMAKE_PREFIX_PATH.
find_package(Torch REQUIRED)
# LibTorch for CUDA names NVTX's old library, which newer toolkits no longer bring; nothing here needs it.
if(TARGET torch::nvtoolsext AND NOT TARGET CUDA::nvToolsExt)
  add_library(CUDA::nvToolsExt INTERFACE IMPORTED)
endif()
find_package(SQLite3 REQUIRED)
# ONNX's CMake package names protobuf's target without looking for it.
find_package(Protobuf REQUIRED)
find_package(ONNX REQUIRED)
find_package(SQLiteCpp REQUIRED)
# Fibers: CUDA's threads on this processor.
find_package(Boost 1.74 REQUIRED COMPONENTS context)
find_path(VALIJSON_INCLUDE_DIR valijson/validator.hpp REQUIRED)

# LibTorch brings its own flags (the C++ ABI among them); they stay with the rooms that use it.
add_library(automask_torch INTERFACE)
target_include_directories(automask_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
target_link_libraries(automask_torch INTERFACE ${TORCH_LIBRARIES})
separate_arguments(AUTOMASK_TORCH_FLAGS UNIX_COMMAND "${TORCH_CXX_FLAGS}")
target_compile_options(automask_torch INTERFACE ${AUTOMASK_TORCH_FLAGS})

add_library(automask_opencv INTERFACE)
target_include_directories(automask_opencv SYSTEM INTERFACE ${OpenCV_INCLUDE_DIRS})
target_link_libraries(automask_opencv INTERFACE ${OpenCV_LIBS})
