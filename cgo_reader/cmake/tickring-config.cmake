# find_package(tickring CONFIG) finds the installed C reader and defines
#   tickring::tickring   the shared library
#   tickring::static     the static one
# Both bring the include directory of tickring.h and tickring.hpp. The prefix is taken from
# where this file lies, so that an installed tree may be moved.
get_filename_component(_tickring_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

foreach(_tickring_kind IN ITEMS shared static)
  if(_tickring_kind STREQUAL "shared")
    set(_tickring_target tickring::tickring)
    set(_tickring_file "${_tickring_prefix}/lib/libtickring.so")
    set(_tickring_type SHARED)
  else()
    set(_tickring_target tickring::static)
    set(_tickring_file "${_tickring_prefix}/lib/libtickring.a")
    set(_tickring_type STATIC)
  endif()
  if(NOT EXISTS "${_tickring_file}")
    set(tickring_FOUND FALSE)
    set(tickring_NOT_FOUND_MESSAGE "${_tickring_file} is missing: install the reader again")
    return()
  endif()
  if(NOT TARGET ${_tickring_target})
    add_library(${_tickring_target} ${_tickring_type} IMPORTED)
    set_target_properties(${_tickring_target} PROPERTIES
      IMPORTED_LOCATION "${_tickring_file}"
      INTERFACE_INCLUDE_DIRECTORIES "${_tickring_prefix}/include")
  endif()
endforeach()

unset(_tickring_prefix)
unset(_tickring_kind)
unset(_tickring_target)
unset(_tickring_file)
unset(_tickring_type)
