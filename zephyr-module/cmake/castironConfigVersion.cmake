# The version is the workspace's.

file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/../../Cargo.toml _castiron_version REGEX "^version = " LIMIT_COUNT 1)
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" PACKAGE_VERSION "${_castiron_version}")
unset(_castiron_version)

# Before 1.0 a minor release may change the functions.
set(PACKAGE_VERSION_COMPATIBLE FALSE)
set(PACKAGE_VERSION_EXACT FALSE)
if(NOT PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)
  string(REGEX MATCH "^[0-9]+\\.[0-9]+" _castiron_have "${PACKAGE_VERSION}")
  set(_castiron_want "${PACKAGE_FIND_VERSION_MAJOR}.${PACKAGE_FIND_VERSION_MINOR}")
  if(PACKAGE_FIND_VERSION_COUNT LESS 2 OR _castiron_have VERSION_EQUAL _castiron_want)
    set(PACKAGE_VERSION_COMPATIBLE TRUE)
  endif()
  if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
    set(PACKAGE_VERSION_EXACT TRUE)
  endif()
  unset(_castiron_have)
  unset(_castiron_want)
endif()
