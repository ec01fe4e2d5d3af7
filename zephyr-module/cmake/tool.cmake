# The castiron command, and how errors are said.

cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH _castiron_checkout)
cmake_path(GET _castiron_checkout PARENT_PATH _castiron_checkout)
set_property(GLOBAL PROPERTY CASTIRON_CHECKOUT ${_castiron_checkout})
unset(_castiron_checkout)

# Ends the configuration: a line of cause and one of remedy.
function(_castiron_error cause remedy)
  message(FATAL_ERROR "castiron: ${cause}\n  help: ${remedy}")
endfunction()

# Finds the command: CASTIRON_EXECUTABLE, or PATH, or a build of the checkout that this file is in,
# which is then made before anything that needs it. The result is its path; what runs it has to depend
# on `depends_var`, too.
function(_castiron_tool executable_var depends_var)
  set(doc "The castiron command; empty: search PATH, then build it with cargo")
  if(NOT CASTIRON_EXECUTABLE)
    unset(CASTIRON_EXECUTABLE CACHE)
    find_program(CASTIRON_EXECUTABLE castiron DOC ${doc} NO_CMAKE_FIND_ROOT_PATH)
  endif()
  if(CASTIRON_EXECUTABLE)
    if(IS_ABSOLUTE "${CASTIRON_EXECUTABLE}")
      set(executable ${CASTIRON_EXECUTABLE})
    else()
      # As with CMAKE_C_COMPILER, a name is looked for on PATH, and anew every time.
      unset(_castiron_by_name CACHE)
      find_program(_castiron_by_name ${CASTIRON_EXECUTABLE} NO_CMAKE_FIND_ROOT_PATH)
      set(executable ${_castiron_by_name})
      unset(_castiron_by_name CACHE)
    endif()
    if(NOT EXISTS "${executable}" OR IS_DIRECTORY "${executable}")
      _castiron_error("CASTIRON_EXECUTABLE is ${CASTIRON_EXECUTABLE}, and there is no such program"
        "give its path with -DCASTIRON_EXECUTABLE=…, or give -DCASTIRON_EXECUTABLE= to search for it")
    endif()
    set(${executable_var} ${executable} PARENT_SCOPE)
    set(${depends_var} ${executable} PARENT_SCOPE)
    return()
  endif()
  _castiron_build_tool(executable)
  set(${executable_var} ${executable} PARENT_SCOPE)
  set(${depends_var} ${executable} castiron_command PARENT_SCOPE)
endfunction()

# A target that builds the command from the checkout. Cargo's own list of sources is the depfile, so it
# is built again when they change.
function(_castiron_build_tool executable_var)
  get_property(checkout GLOBAL PROPERTY CASTIRON_CHECKOUT)
  get_property(executable GLOBAL PROPERTY CASTIRON_BUILT_EXECUTABLE)
  if(NOT executable)
    # The first of PATH, as a shell takes it; the folders are for those who have no shell.
    find_program(CASTIRON_CARGO cargo
      PATHS "$ENV{CARGO_HOME}/bin" "$ENV{HOME}/.cargo/bin" "$ENV{USERPROFILE}/.cargo/bin"
      DOC "Cargo, to build castiron with" NO_CMAKE_FIND_ROOT_PATH)
    if(NOT CASTIRON_CARGO OR NOT EXISTS ${checkout}/cli/Cargo.toml)
      _castiron_error("the castiron command was not found, and neither was cargo to build it with"
        "install it with `cargo install --git https://github.com/castiron-ml/castiron castiron-cli` (https://rustup.rs has cargo), or give its path with -DCASTIRON_EXECUTABLE=…")
    endif()
    set(CASTIRON_TARGET_DIR ${checkout}/target CACHE PATH "Where cargo builds castiron")
    set(stem ${CASTIRON_TARGET_DIR}/release/castiron)
    set(executable ${stem})
    if(CMAKE_HOST_WIN32)
      string(APPEND executable .exe)
    endif()
    if(NOT EXISTS ${executable})
      message(STATUS "castiron was not found on PATH: it is built from ${checkout} first, which takes a minute or two")
    endif()
    add_custom_command(
      OUTPUT ${executable}
      COMMAND ${CMAKE_COMMAND} -E env --unset=CARGO_BUILD_TARGET --unset=RUSTFLAGS --unset=CARGO_ENCODED_RUSTFLAGS
        ${CASTIRON_CARGO} build --release --locked --quiet --package castiron-cli
          --manifest-path ${checkout}/Cargo.toml --target-dir ${CASTIRON_TARGET_DIR}
      DEPFILE ${stem}.d
      WORKING_DIRECTORY ${checkout}
      COMMENT "castiron: building the command from ${checkout}"
      VERBATIM)
    add_custom_target(castiron_command DEPENDS ${executable})
    set_property(GLOBAL PROPERTY CASTIRON_BUILT_EXECUTABLE ${executable})
  endif()
  set(${executable_var} ${executable} PARENT_SCOPE)
endfunction()

# Paths as the caller wrote them, made absolute: those of files in its source folder.
function(_castiron_absolute)
  foreach(variable IN LISTS ARGN)
    set(absolute)
    foreach(path IN LISTS ${variable})
      cmake_path(ABSOLUTE_PATH path BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
      list(APPEND absolute ${path})
    endforeach()
    set(${variable} ${absolute} PARENT_SCOPE)
  endforeach()
endfunction()

# The same of models, of which the source folder's castiron.toml may have some by name: these stay as they are. The files of the others are in
# `files_var`, and `names_var` has those names.
function(_castiron_models variable files_var names_var)
  set(models)
  set(files)
  set(names)
  foreach(model IN LISTS ${variable})
    cmake_path(ABSOLUTE_PATH model BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE OUTPUT_VARIABLE file)
    set(is_file FALSE)
    if(EXISTS ${file} AND NOT IS_DIRECTORY ${file})
      set(is_file TRUE)
    endif()
    # As the command has it: a path has a folder or an ending.
    if(model MATCHES "^[A-Za-z0-9_][A-Za-z0-9_-]*$" AND EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/castiron.toml AND NOT is_file)
      list(APPEND models ${model})
      list(APPEND names ${model})
    else()
      list(APPEND models ${file})
      list(APPEND files ${file})
    endif()
  endforeach()
  set(${variable} ${models} PARENT_SCOPE)
  set(${files_var} ${files} PARENT_SCOPE)
  set(${names_var} ${names} PARENT_SCOPE)
endfunction()

# The source folder's castiron.toml, if there is one.
function(_castiron_config config_var)
  set(config ${CMAKE_CURRENT_SOURCE_DIR}/castiron.toml)
  if(EXISTS ${config})
    set(${config_var} ${config} PARENT_SCOPE)
  endif()
endfunction()

# What the user named, which has to be there when the build is configured unless the build makes it.
function(_castiron_check_file what)
  foreach(path IN LISTS ARGN)
    get_property(generated SOURCE ${path} PROPERTY GENERATED)
    if(NOT EXISTS "${path}" AND NOT generated)
      _castiron_error("there is no ${what} ${path}"
        "name one that exists; relative paths are those of ${CMAKE_CURRENT_SOURCE_DIR}")
    endif()
  endforeach()
endfunction()

# What a function is called for has to be compiled.
function(_castiron_check_target function target)
  set(type)
  if(TARGET ${target})
    get_target_property(type ${target} TYPE)
    get_target_property(alias ${target} ALIASED_TARGET)
    get_target_property(imported ${target} IMPORTED)
    if(alias OR imported)
      set(type)
    endif()
  endif()
  if(NOT type MATCHES "^(EXECUTABLE|(STATIC|SHARED|MODULE|OBJECT)_LIBRARY)$")
    _castiron_error("${function}() was called for ${target}, which is no target with sources"
      "call it after add_executable() or add_library(); in a Zephyr application the target is app")
  endif()
endfunction()

# A source in C would be left out without a word where the project does not have the language.
function(_castiron_check_c what)
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(NOT C IN_LIST languages)
    _castiron_error("${what} is in C, which this project does not compile" "add it: project(… LANGUAGES C …)")
  endif()
endfunction()
