# Precompiled headers halve the time of a clean build. One for libraries and one for each way to compile tests; GCC only
# takes one that was made with the same options.
option(VM_PCH "precompile the headers that most sources include" ON)

# vm_pch(NAME HEADER [option…]): the target that precompiles it.
function(vm_pch name header)
  set(source ${CMAKE_BINARY_DIR}/pch/${name}.cc)
  if(NOT EXISTS ${source})
    file(WRITE ${source} "")
  endif()
  add_library(${name} OBJECT ${source})
  target_compile_options(${name} PRIVATE ${ARGN})
  target_precompile_headers(${name} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch/${header})
endfunction()

if(VM_PCH)
  vm_pch(vm_pch_common common.h)
  if(VM_TESTS)
    foreach(kind test slow_test)
      vm_pch(vm_pch_${kind} test.h)
      set_target_properties(vm_pch_${kind} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
      target_compile_options(vm_pch_${kind} PRIVATE -fPIE)
      target_link_libraries(vm_pch_${kind} PRIVATE GTest::gtest)
    endforeach()
    target_compile_options(vm_pch_test PRIVATE -O0)
  endif()
endif()

# vm_use_pch(TARGET KIND): KIND common, test or slow_test
function(vm_use_pch target kind)
  if(VM_PCH)
    target_precompile_headers(${target} REUSE_FROM vm_pch_${kind})
  endif()
endfunction()
