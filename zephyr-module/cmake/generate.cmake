# Files that castiron generates, and the two kinds of them for TensorFlow Lite Micro.

# Runs castiron when something that it reads has changed.
#
#   STAMP <file>        what the command makes for the build system: castiron leaves files that stay the
#                       same untouched, which would look outdated for ever to make
#   OUTPUTS <file>…     what it really makes
#   ARGUMENTS …         of castiron; it has to take --depfile
#   DEPENDS <file>…     what is known to be read; the depfile has the rest
#   COMMENT <text>
function(_castiron_command)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "STAMP;COMMENT" "OUTPUTS;ARGUMENTS;DEPENDS")
  _castiron_tool(executable tool)
  cmake_path(GET arg_STAMP PARENT_PATH folder)
  file(MAKE_DIRECTORY ${folder})
  set(depfile)
  if(arg_DEPENDS)
    # Where nothing is read there would be no file of it, and ninja would look for it every time.
    set(depfile DEPFILE ${arg_STAMP}.d)
    list(APPEND arg_ARGUMENTS --depfile ${arg_STAMP}.d --depfile-target ${arg_STAMP})
  endif()
  _castiron_option_names(names)
  # In a file, arguments do not stand between a user and the message when the command fails, and make
  # notices that they have changed.
  list(APPEND arg_ARGUMENTS --quiet ${names})
  list(JOIN arg_ARGUMENTS "\n" text)
  file(GENERATE OUTPUT ${arg_STAMP}.arguments CONTENT "${text}\n")
  cmake_path(RELATIVE_PATH arg_STAMP BASE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR} OUTPUT_VARIABLE stamp)
  add_custom_command(
    OUTPUT ${arg_STAMP}
    BYPRODUCTS ${arg_OUTPUTS}
    COMMAND ${executable} @${stamp}.arguments
    COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
    DEPENDS ${arg_DEPENDS} ${arg_STAMP}.arguments ${tool}
    WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}
    ${depfile}
    COMMENT "castiron: ${arg_COMMENT}"
    VERBATIM)
endfunction()

# A name that no target has: the second model_data.h of a build gets generate_model_data_h_2.
function(_castiron_unused_target name_var name)
  set(unused ${name})
  set(number 2)
  while(TARGET ${unused})
    set(unused ${name}_${number})
    math(EXPR number "${number} + 1")
  endwhile()
  set(${name_var} ${unused} PARENT_SCOPE)
endfunction()

# castiron_gen_header(<target> MODEL <file>|<name> OUTPUT <file.h>
#   [STYLE standalone|kenning] [NAME <prefix>] [LABELS <file>] [IO_SPEC <file>]
#   [SECTION <name>] [ALIGN <bytes>] [KERNELS reference|cmsis-nn] [CPU <name>])
#
# Writes a model as C: its bytes, shapes, quantisation, labels, and the arena of TensorFlow Lite Micro's
# interpreter for its KERNELS on a processor CPU (`castiron gen-header`). OUTPUT is relative to the build
# folder; its folder becomes an include directory of the target, and the .c file of the standalone style
# one of its sources. MODEL is relative to the source folder, as are the other files, or the name of
# a model in the source folder's castiron.toml.
function(castiron_gen_header target)
  _castiron_parse(1 "" "MODEL;OUTPUT;STYLE;NAME;LABELS;IO_SPEC;SECTION;ALIGN;KERNELS;CPU" "")
  _castiron_needs(castiron_gen_header MODEL OUTPUT)
  _castiron_one_of(STYLE standalone kenning)
  _castiron_one_of(KERNELS reference cmsis-nn)
  _castiron_check_target(castiron_gen_header ${target})
  _castiron_absolute(arg_LABELS arg_IO_SPEC)
  _castiron_models(arg_MODEL files entry)
  _castiron_check_file(model ${files})
  if(entry)
    _castiron_config(arg_CONFIG)
  endif()
  _castiron_check_file("file of labels" ${arg_LABELS})
  _castiron_check_file("I/O specification" ${arg_IO_SPEC})
  cmake_path(ABSOLUTE_PATH arg_OUTPUT BASE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR} NORMALIZE)
  cmake_path(GET arg_OUTPUT PARENT_PATH folder)
  _castiron_options(options STYLE NAME LABELS IO_SPEC SECTION ALIGN KERNELS CPU CONFIG)
  set(outputs ${arg_OUTPUT})
  if(NOT arg_STYLE STREQUAL "kenning")
    _castiron_check_c("what a standalone header declares")
    cmake_path(REPLACE_EXTENSION arg_OUTPUT LAST_ONLY c OUTPUT_VARIABLE source)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR} OUTPUT_VARIABLE relative)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${relative})
      cmake_path(GET arg_OUTPUT FILENAME header)
      # CMake would take one for the other.
      _castiron_error("the header's definitions would go to ${relative}, which is a source of the project's"
        "name another OUTPUT, for example generated/${header}")
    endif()
    list(APPEND outputs ${source})
    target_sources(${target} PRIVATE ${source})
  endif()
  cmake_path(GET arg_MODEL FILENAME shown)
  _castiron_command(
    STAMP ${arg_OUTPUT}.stamp
    OUTPUTS ${outputs}
    ARGUMENTS gen-header ${arg_MODEL} --output ${arg_OUTPUT} ${options}
    DEPENDS ${files} ${arg_LABELS} ${arg_IO_SPEC} ${arg_CONFIG}
    COMMENT "header of ${shown}")
  target_include_directories(${target} PRIVATE ${folder})
  _castiron_generated_for(${target} ${arg_OUTPUT}.stamp castiron_header ${arg_MODEL})
endfunction()

# castiron_gen_resolver(<target> OUTPUT <file.h> [MODELS <file>|<name>…] [OPS <operator>…] [CUSTOM <op>=<function>…]
#   [KERNELS reference|cmsis-nn] [CPU <name>])
#
# Writes a resolver for TensorFlow Lite Micro with the operators of these models, and OPS, and no others
# (`castiron gen-resolver`). Paths as in castiron_gen_header(). In a Zephyr build MODELS is
# CONFIG_KENNING_MODEL_PATH where it is not given, and the operators of CONFIG_KENNING_TFLITE_OPS are added;
# without any of these the operators are Conv2D, FullyConnected, MaxPool2D, Reshape and Softmax, as Kenning's.
function(castiron_gen_resolver target)
  _castiron_parse(1 "" "OUTPUT;KERNELS;CPU" "MODELS;OPS;CUSTOM")
  _castiron_needs(castiron_gen_resolver OUTPUT)
  _castiron_one_of(KERNELS reference cmsis-nn)
  _castiron_check_target(castiron_gen_resolver ${target})
  if(NOT arg_MODELS)
    _castiron_kenning_model(arg_MODELS)
  endif()
  if(CONFIG_KENNING_TFLITE_OPS)
    string(REPLACE "," ";" ops "${CONFIG_KENNING_TFLITE_OPS}")
    list(APPEND arg_OPS ${ops})
  endif()
  if(NOT arg_MODELS AND NOT arg_OPS)
    set(arg_OPS Conv2D FullyConnected MaxPool2D Reshape Softmax)
  endif()
  _castiron_models(arg_MODELS files entries)
  if(entries)
    _castiron_config(arg_CONFIG)
  endif()
  cmake_path(ABSOLUTE_PATH arg_OUTPUT BASE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR} NORMALIZE)
  cmake_path(GET arg_OUTPUT PARENT_PATH folder)
  _castiron_check_file(model ${files})
  _castiron_options(options KERNELS CPU CONFIG)
  if(arg_OPS)
    list(JOIN arg_OPS , ops)
    list(APPEND options --ops ${ops})
  endif()
  foreach(custom IN LISTS arg_CUSTOM)
    list(APPEND options --custom ${custom})
  endforeach()
  _castiron_command(
    STAMP ${arg_OUTPUT}.stamp
    OUTPUTS ${arg_OUTPUT}
    ARGUMENTS gen-resolver ${arg_MODELS} --output ${arg_OUTPUT} ${options}
    DEPENDS ${files} ${arg_CONFIG}
    COMMENT "operator resolver")
  target_include_directories(${target} PRIVATE ${folder})
  _castiron_generated_for(${target} ${arg_OUTPUT}.stamp castiron_resolver ${arg_MODELS})
endfunction()

# Makes a target wait for files that are generated from models.
function(_castiron_generated_for target stamp name)
  _castiron_unused_target(generate ${name})
  add_custom_target(${generate} DEPENDS ${stamp})
  add_dependencies(${target} ${generate})
  _castiron_in_turn(${generate} 1 ${ARGN})
endfunction()

# Makes targets that read the same models wait for each other, those of a lower rank first: what is wrong
# with a model is then said once, and before anything that takes long.
function(_castiron_in_turn step rank)
  foreach(model IN LISTS ARGN)
    get_property(others GLOBAL PROPERTY "CASTIRON_STEPS ${model}")
    foreach(other IN LISTS others)
      string(REGEX MATCH "^([0-9]+):(.*)$" _ ${other})
      if(CMAKE_MATCH_1 GREATER rank)
        add_dependencies(${CMAKE_MATCH_2} ${step})
      else()
        add_dependencies(${step} ${CMAKE_MATCH_2})
      endif()
    endforeach()
    set_property(GLOBAL APPEND PROPERTY "CASTIRON_STEPS ${model}" ${rank}:${step})
  endforeach()
endfunction()
