# Writes kernels/*.cu into C++ sources: as texts for NVRTC, and as functions for the launch shim.
# Read by the project's build and by the board's.
set(AUTOMASK_CUDA_KERNELS affine avg_pool convolution copy global_avg_pool grouped linear logits max_pool picture repack
                          softmax)

function(automask_cuda_texts room output)
  set(AUTOMASK_CUDA_TEXTS "")
  foreach(name prelude common ${AUTOMASK_CUDA_KERNELS})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${room}/kernels/${name}.cu")
    file(READ "${room}/kernels/${name}.cu" text)
    string(APPEND AUTOMASK_CUDA_TEXTS "      {\"${name}\", R\"cuda(${text})cuda\"},\n")
  endforeach()
  configure_file("${room}/kernel_texts.cpp.in" "${output}" @ONLY)
endfunction()

# SUFFIX: float or half.
function(automask_cuda_shim room HALF SUFFIX output)
  set(INCLUDES "")
  set(TABLE "")
  foreach(name ${AUTOMASK_CUDA_KERNELS})
    string(APPEND INCLUDES "#include \"hw_targets/cuda/kernels/${name}.cu\"\n")
    foreach(macro WINDOW PRODUCTS PIXELS THREADS OUTPUTS WEIGHT_LOADS PIXEL_LOADS CHANNELS_OF_GROUP)
      string(APPEND INCLUDES "#undef ${macro}\n")
    endforeach()
    string(APPEND TABLE "  if (std::strcmp(name, \"${name}\") == 0) return Caller<${name}>::callable;\n")
  endforeach()
  configure_file("${room}/shim/kernels.cpp.in" "${output}" @ONLY)
endfunction()
