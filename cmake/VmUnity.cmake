# Several sources compiled as one: most of the time that a source takes to compile is spent on its headers. Tests always, as a
# change of a test takes no longer than that of its largest; libraries where nobody edits and compiles again (CI's sanitizers).
# Every file includes what it needs all the same: the clang preset compiles each alone.
set(VM_UNITY "tests" CACHE STRING "what is compiled eight sources at a time: none, tests, all")

# vm_unity(TARGET KIND): KIND tests or all, the least value of VM_UNITY that puts its sources together
function(vm_unity target kind)
  if(VM_UNITY STREQUAL "all" OR VM_UNITY STREQUAL kind)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    # GCC 12 thinks that the enumerators of an `enum class` hide what other sources call the same.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-shadow>)
  endif()
endfunction()
