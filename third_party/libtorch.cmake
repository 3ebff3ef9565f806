# LibTorch 2.11 with CUDA 13.0 and the nvcc beside it: the PyPI wheels of libtorch.lock,
# which scripts/setup.sh installs into the user's cache and links to. LIBTORCH=DIR (a folder with
# share/cmake/Torch) and CUDAToolkit_ROOT=DIR bring your own.
get_filename_component(site ${PROJECT_SOURCE_DIR}/build/libtorch/site-packages REALPATH)
if(NOT "$ENV{LIBTORCH}" STREQUAL "")
  set(LIBTORCH $ENV{LIBTORCH} CACHE PATH "Folder of LibTorch" FORCE)
else()
  set(LIBTORCH ${site}/torch CACHE PATH "Folder of LibTorch")
endif()
if(NOT EXISTS ${LIBTORCH}/share/cmake/Torch)
  message(FATAL_ERROR "No LibTorch in ${LIBTORCH}. Run scripts/setup.sh, or set LIBTORCH=DIR.")
endif()

if(NOT "$ENV{CUDAToolkit_ROOT}" STREQUAL "")
  set(CUDAToolkit_ROOT $ENV{CUDAToolkit_ROOT} CACHE PATH "CUDA 13.0 toolkit" FORCE)
else()
  set(CUDAToolkit_ROOT ${site}/nvidia/cu13 CACHE PATH "CUDA 13.0 toolkit")
endif()
if(NOT EXISTS ${CUDAToolkit_ROOT}/bin/nvcc)
  message(FATAL_ERROR "No bin/nvcc in ${CUDAToolkit_ROOT}. Run scripts/setup.sh, or set CUDAToolkit_ROOT=DIR.")
endif()
set(CUDA_TOOLKIT_ROOT_DIR ${CUDAToolkit_ROOT} CACHE PATH "the same, for LibTorch's own search")
set(CMAKE_CUDA_COMPILER ${CUDAToolkit_ROOT}/bin/nvcc CACHE FILEPATH "nvcc")
set(ENV{PATH} "${CUDAToolkit_ROOT}/bin:$ENV{PATH}")

# The runtime comes with LibTorch as a shared library; nvcc's static one must not join it.
set(CMAKE_CUDA_RUNTIME_LIBRARY None)

# Must stand before find_package(Torch): without a GPU its own guess names an architecture
# that nvcc 13 refuses.
set(TORCH_CUDA_ARCH_LIST "7.5;8.0;8.6;8.9;9.0;10.0;12.0+PTX" CACHE STRING "GPU architectures")
set(Torch_DIR ${LIBTORCH}/share/cmake/Torch)
find_package(Torch 2.11 REQUIRED)

# The wheel ships fmt 12 headers beside its own, which spdlog and libfmt of the system must
# not meet: this folder holds fmt alone and comes first.
get_target_property(fmt_include fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/compat)
file(CREATE_LINK ${fmt_include}/fmt ${PROJECT_BINARY_DIR}/compat/fmt SYMBOLIC)
add_library(bertft_torch INTERFACE)
target_include_directories(bertft_torch SYSTEM BEFORE INTERFACE ${PROJECT_BINARY_DIR}/compat)
target_compile_definitions(bertft_torch INTERFACE AT_PER_OPERATOR_HEADERS)
# GCC 13 and 14 believe that torch::autograd::Function::apply() writes a std::vector<bool> beyond its end.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
  target_compile_options(bertft_torch INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-array-bounds -Wno-stringop-overflow>)
endif()
# Without OpenMP's compiler flag at::parallel_for is a serial loop.
find_package(OpenMP REQUIRED COMPONENTS CXX)
target_include_directories(bertft_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
target_link_libraries(bertft_torch INTERFACE torch_cpu_library OpenMP::OpenMP_CXX)

# Its CUDA is apart: loading that takes every command 0.2 s and 235 MB. No tensor on a GPU needs a
# symbol of libtorch_cuda.so, which registers its kernels when it is loaded.
add_library(bertft_torch_cuda INTERFACE)
target_link_libraries(bertft_torch_cuda INTERFACE bertft_torch c10_cuda $<TARGET_FILE:torch_cuda>)
