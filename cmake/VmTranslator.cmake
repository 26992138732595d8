# The modules that every translation passes through, optimized together into one object file: functions of one are
# inlined into another, which is worth 6 % of a program's start (with -O2, or without this, a third of that). A quarter
# of a minute when one of them changed; tests link the modules themselves, so only vm and vm-user wait for it.
option(VM_TRANSLATOR_LTO "optimize the translator's modules as one (GCC only)" OFF)

# vm_translator(library…): makes that object file. Stands with the last of the modules, not with the programs: ninja starts
# first what is defined first, and this takes longest.
function(vm_translator)
  if(NOT VM_TRANSLATOR_LTO OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  set(files)
  foreach(module ${ARGN})
    target_compile_options(${module} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-O3;-flto=auto;-ffat-lto-objects>)
    target_link_options(${module} INTERFACE -fno-lto)
    list(APPEND files $<TARGET_FILE:${module}>)
  endforeach()
  set(object ${CMAKE_BINARY_DIR}/translator.o)
  # In partitions GCC 12 stops with an internal error.
  separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_RELEASE}")
  add_custom_command(OUTPUT ${object}
    COMMAND ${CMAKE_CXX_COMPILER} ${flags} -fPIE -flto -flto-partition=none -flinker-output=nolto-rel -r
            -nostdlib -o ${object} -Wl,--whole-archive ${files}
    DEPENDS ${ARGN} COMMENT "Optimizing the translator as one" VERBATIM)
  add_custom_target(translator DEPENDS ${object})
  set_target_properties(translator PROPERTIES VM_OBJECT ${object})
endfunction()

# vm_link_translator(program…): they take the object file before the libraries, of which they then need nothing.
function(vm_link_translator)
  if(NOT TARGET translator)
    return()
  endif()
  get_target_property(object translator VM_OBJECT)
  set_source_files_properties(${object} PROPERTIES GENERATED TRUE EXTERNAL_OBJECT TRUE)
  foreach(target ${ARGN})
    target_sources(${target} PRIVATE ${object})
    add_dependencies(${target} translator)
  endforeach()
endfunction()
