# automask_room(<name> [STANDARD 14|20] SOURCES ... LINK ...): a static library for one room, or for the part of a
# room that needs no heavy library (its catalogue).
function(automask_room name)
  cmake_parse_arguments(ROOM "" "STANDARD" "SOURCES;LINK" ${ARGN})
  if(NOT ROOM_STANDARD)
    set(ROOM_STANDARD 20)
  endif()
  add_library(automask_${name} STATIC ${ROOM_SOURCES})
  # C++14 rooms are built as such; those who include their headers may use a newer standard.
  set_target_properties(automask_${name} PROPERTIES CXX_STANDARD ${ROOM_STANDARD})
  target_link_libraries(automask_${name} PUBLIC automask_settings ${ROOM_LINK})
endfunction()

# automask_program(<name> SOURCES ... LINK ...): a program with a tiny main.
function(automask_program name)
  cmake_parse_arguments(PROGRAM "" "STANDARD" "SOURCES;LINK" ${ARGN})
  if(NOT PROGRAM_STANDARD)
    set(PROGRAM_STANDARD 20)
  endif()
  add_executable(${name} ${PROGRAM_SOURCES})
  set_target_properties(${name} PROPERTIES CXX_STANDARD ${PROGRAM_STANDARD})
  target_link_libraries(${name} PRIVATE automask_settings ${PROGRAM_LINK})
endfunction()
