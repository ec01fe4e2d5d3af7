# Models as libraries.

# castiron_add_model(<target> [MODEL <file>|<name>]
#   [ENGINE compiled|tflm] [NAME <name>] [LABELS <file>] [IO_SPEC <file>] [SELF_TEST] [CASES <path>]
#   [SHAPE <input>=1x96x96x3…] [OPTIMIZE size|balanced|speed] [MAX_ARENA <bytes>] [MAX_FLASH <bytes>] [MAX_MACS <number>] [MEMORIES [devicetree] <name>=<size>[:fast|:slow][:rom]…] [DTS <file>]
#   [INPUT_BY whole|rows] [BUFFERS model|caller|inputs|outputs] [OPT_LEVEL 1|2|3|s]
#   [WITHOUT_PASSES <pass>…] [CUSTOM <op>[=<function>]…] [SCRATCH <op>=<size>…] [STATE <op>=<size>…]
#   [SECTION <name>] [ARENA_SECTION <name>] [TRACE] [VERIFY] [GUARDS] [SERVER kenning]
#   [TFLM <folder>] [KERNELS reference|cmsis-nn] [ALLOW_REVISION]
#   [RUST_TARGET <triple>] [CPU <name>])
#
# Casts a model into a static library with a C interface (`castiron lib`) and links it to the target, whose
# sources then include "<name>.h".
#
#   MODEL           relative to the source folder, as are the other files; or the name of a model in the source folder's castiron.toml, which
#                   then says what arguments do not, and not the build's Kconfig. Default: CONFIG_KENNING_MODEL_PATH
#   ENGINE          castiron's own kernels, or TensorFlow Lite Micro's, called without its interpreter.
#                   Default: CONFIG_CASTIRON_ENGINE_… in a Zephyr build, or compiled. Both have the same functions.
#   NAME            name of files and prefix of all names. Default: the model's file name
#   LABELS, IO_SPEC class names of the first output; Kenning's I/O specification
#   SELF_TEST       add <name>_self_test() to the target, which compares the library with recorded cases;
#                   those of CASES, a .safetensors file or a folder, or cases that castiron generates and computes on the host
#   SECTION         linker section of the weights; ARENA_SECTION that of the built-in instance, or what sections of its MEMORIES begin with
#   SHAPE           <input>=1x96x96x3 …: shapes of inputs whose sizes the file leaves open
#   WITHOUT_PASSES  leave out passes over the operators, or all; results do not change
#   CUSTOM          custom operators that functions of the program compute; SCRATCH and STATE: memory of such operators, in bytes
#                   or other elements, <op>=i16x128
#   OPTIMIZE        choose castiron's smaller or faster kernels. Default: CONFIG_CASTIRON_OPTIMIZE_…, or balanced
#   MAX_ARENA       the most bytes of arena, as 8192 or 8k: where it would take more, kernels work in less memory, then
#                   operators run row by row, and last they compute some of it again; 0 is the least without computing again
#   MAX_FLASH       the most bytes of weights and code, as 65536 or 64k: the build fails if the library has more
#   MAX_MACS        the most multiply-accumulates of a run, as 2500k or 3M: the build fails if a run takes more
#   MEMORIES        memories that the arena is spread over, and how much of each the model may take, as dtcm=64k:fast sram=256k psram=4M:slow,
#                   and with :rom memories of weights, as flash=512k:rom qspi=8M:slow:rom.
#                   devicetree: the RAM that the devicetree DTS describes, with its sections; <name>=<size> then says how much of one.
#   DTS             a flattened devicetree. Default: that of a Zephyr build
#   INPUT_BY        rows: the model takes its input row by row, so that it is never in memory as a whole. Default: whole
#   BUFFERS         caller: the program hands over buffers of inputs and outputs for each run, so that they are not in the arena; inputs or
#                   outputs: these alone. Default: model
#   OPT_LEVEL       how the compiler optimises. Default: CONFIG_CASTIRON_OPT_LEVEL_…, or 3 for castiron's kernels and 2
#                   for TensorFlow Lite Micro's
#   TRACE           add a function that reports the outputs of every operator
#   VERIFY          add a function that compares the weights in flash with their CRC-32
#   GUARDS          put guard words behind the memory of an instance: a run that finds them overwritten returns an error
#   SERVER          kenning: add <name>_server_poll(), by which Kenning evaluates the model on the device
#   TFLM            TensorFlow Lite Micro's sources; ALLOW_REVISION accepts a revision that castiron does
#                   not know. Default: CONFIG_CASTIRON_TFLM_PATH and …_ALLOW_REVISION, or the variable CASTIRON_TFLM
#   RUST_TARGET     Rust target triple. Default: follows from the C compiler; CPU: processor, as compilers name it
function(castiron_add_model target)
  _castiron_parse(1 "SELF_TEST;TRACE;VERIFY;GUARDS;ALLOW_REVISION"
    "MODEL;ENGINE;NAME;LABELS;IO_SPEC;CASES;SECTION;ARENA_SECTION;OPTIMIZE;MAX_ARENA;MAX_FLASH;MAX_MACS;DTS;INPUT_BY;BUFFERS;SERVER;OPT_LEVEL;TFLM;KERNELS;RUST_TARGET;CPU"
    "SHAPE;WITHOUT_PASSES;CUSTOM;SCRATCH;STATE;MEMORIES")
  set(option_RUST_TARGET target)
  set(option_WITHOUT_PASSES without-pass)
  set(option_MEMORIES memory)
  set(option_DTS memories-from)
  set(kconfig_ALLOW_REVISION CONFIG_CASTIRON_TFLM_ALLOW_REVISION=y)
  # The only value that a message names is the other one, reference.
  set(kconfig_KERNELS CONFIG_CASTIRON_TFLM_CMSIS_NN=n)
  if(NOT arg_MODEL)
    _castiron_kenning_model(arg_MODEL)
  endif()
  _castiron_needs(castiron_add_model MODEL)
  _castiron_one_of(OPTIMIZE size balanced speed)
  _castiron_one_of(INPUT_BY whole rows)
  _castiron_one_of(BUFFERS model caller inputs outputs)
  _castiron_one_of(SERVER kenning)
  _castiron_one_of(OPT_LEVEL 1 2 3 s)
  _castiron_one_of(KERNELS reference cmsis-nn)
  _castiron_check_target(castiron_add_model ${target})
  _castiron_absolute(arg_LABELS arg_IO_SPEC arg_CASES arg_DTS)
  _castiron_models(arg_MODEL files entry)
  _castiron_check_file(model ${files})
  _castiron_check_file("file of labels" ${arg_LABELS})
  _castiron_check_file("I/O specification" ${arg_IO_SPEC})
  _castiron_check_file("file or folder of cases" ${arg_CASES})
  _castiron_memories_of_devicetree()
  _castiron_config(arg_CONFIG)
  cmake_path(GET arg_MODEL STEM LAST_ONLY stem)
  cmake_path(GET arg_MODEL FILENAME shown)
  if(NOT arg_NAME)
    string(MAKE_C_IDENTIFIER ${stem} arg_NAME)
    string(TOLOWER ${arg_NAME} arg_NAME)
  endif()
  set(name ${arg_NAME})
  if(TARGET castiron_${name})
    _castiron_error("there are two models of the name ${name}" "give one another with NAME; a further target that uses this one links castiron_${name}")
  endif()
  _castiron_engine(engine)
  if(entry)
    set(engine ${arg_ENGINE})
    if(NOT engine)
      set(engine compiled)
    endif()
  else()
    set(arg_ENGINE ${engine})
    _castiron_optimize(arg_OPTIMIZE ${engine})
  endif()
  if(NOT arg_OPT_LEVEL AND CONFIG_CASTIRON_OPT_LEVEL_S)
    set(arg_OPT_LEVEL s)
  endif()
  if(NOT arg_RUST_TARGET)
    _castiron_rust_target(arg_RUST_TARGET ${target})
    if(arg_CONFIG AND NOT arg_RUST_TARGET)
      # The machine that builds, and not a board that castiron.toml names.
      set(arg_RUST_TARGET host)
    endif()
  endif()

  _castiron_options(options
    ENGINE NAME LABELS IO_SPEC CASES SECTION ARENA_SECTION OPTIMIZE MAX_ARENA MAX_FLASH MAX_MACS CONFIG DTS INPUT_BY BUFFERS SERVER OPT_LEVEL RUST_TARGET CPU)
  foreach(option IN ITEMS SHAPE CUSTOM SCRATCH STATE)
    string(TOLOWER ${option} flag)
    foreach(value IN LISTS arg_${option})
      list(APPEND options --${flag} ${value})
    endforeach()
  endforeach()
  foreach(memory IN LISTS arg_MEMORIES)
    list(APPEND options --memory ${memory})
  endforeach()
  foreach(pass IN LISTS arg_WITHOUT_PASSES)
    list(APPEND options --without-pass ${pass})
  endforeach()
  foreach(option IN ITEMS TRACE VERIFY GUARDS)
    if(arg_${option})
      string(TOLOWER ${option} flag)
      list(APPEND options --${flag})
    endif()
  endforeach()
  if(engine STREQUAL "tflm" OR (entry AND arg_TFLM))
    set(engine tflm)
    _castiron_tflm_options(tflm)
    list(APPEND options ${tflm})
  endif()

  set(folder ${CMAKE_CURRENT_BINARY_DIR}/castiron/${name})
  set(library ${folder}/lib${name}.a)
  set(outputs ${library} ${folder}/${name}.h)
  if(arg_SELF_TEST)
    _castiron_check_c("a self-test")
    list(APPEND options --self-test)
    list(APPEND outputs ${folder}/${name}_self_test.c ${folder}/${name}_self_test.h)
    target_sources(${target} PRIVATE ${folder}/${name}_self_test.c)
  endif()
  file(MAKE_DIRECTORY ${folder})
  set(stamp ${CMAKE_CURRENT_BINARY_DIR}/castiron/${name}.stamp)
  _castiron_command(
    STAMP ${stamp}
    OUTPUTS ${outputs}
    ARGUMENTS lib ${arg_MODEL} --out-dir ${folder} ${options}
    DEPENDS ${files} ${arg_LABELS} ${arg_IO_SPEC} ${arg_DTS} ${arg_CONFIG}
    COMMENT "casting ${shown}")
  add_custom_target(castiron_${name}_library DEPENDS ${stamp})
  _castiron_in_turn(castiron_${name}_library 3 ${arg_MODEL})
  add_library(castiron_${name} STATIC IMPORTED GLOBAL)
  set_target_properties(castiron_${name} PROPERTIES
    IMPORTED_LOCATION ${library}
    INTERFACE_INCLUDE_DIRECTORIES ${folder})
  if(engine STREQUAL "tflm" AND NOT DEFINED ZEPHYR_BASE AND NOT MSVC)
    # Its kernels compute with the C library's math functions; libm has to come after it.
    set_property(TARGET castiron_${name} PROPERTY INTERFACE_LINK_LIBRARIES m)
  endif()
  add_dependencies(castiron_${name} castiron_${name}_library)
  add_dependencies(${target} castiron_${name}_library)
  # As target_link_libraries(… PUBLIC …) does, which cannot be mixed with calls that say no PUBLIC.
  set_property(TARGET ${target} APPEND PROPERTY LINK_LIBRARIES castiron_${name})
  set_property(TARGET ${target} APPEND PROPERTY INTERFACE_LINK_LIBRARIES castiron_${name})
  _castiron_to_be_fitted(${target} ${engine} ${arg_MODEL} ${arg_SHAPE})
endfunction()

# The devicetree that memories come from in DTS, where MEMORIES names it, and nothing there where it does not.
function(_castiron_memories_of_devicetree)
  set(named ${arg_MEMORIES})
  list(REMOVE_ITEM named devicetree)
  if("${named}" STREQUAL "${arg_MEMORIES}")
    if(arg_DTS)
      _castiron_error("DTS is where memories come from, and MEMORIES does not ask for it" "write MEMORIES devicetree, or leave DTS out")
    endif()
    return()
  endif()
  if(NOT arg_DTS)
    set(arg_DTS ${ZEPHYR_DTS})
  endif()
  if(NOT arg_DTS)
    _castiron_error("MEMORIES devicetree does not know the devicetree" "name a flattened one with DTS; a Zephyr build has one")
  endif()
  _castiron_check_file(devicetree ${arg_DTS})
  set(arg_DTS ${arg_DTS} PARENT_SCOPE)
  set(arg_MEMORIES ${named} PARENT_SCOPE)
endfunction()

# The engine that was asked for with ENGINE, or the build's.
function(_castiron_engine engine_var)
  _castiron_one_of(ENGINE compiled tflm)
  set(engine ${arg_ENGINE})
  if(NOT engine)
    set(engine compiled)
    if(CONFIG_CASTIRON_ENGINE_TFLM)
      set(engine tflm)
    endif()
  endif()
  set(${engine_var} ${engine} PARENT_SCOPE)
endfunction()

# What castiron's kernels are chosen for: what was asked for with OPTIMIZE, or the build's. Without either it is the
# command's default, and TensorFlow Lite Micro's kernels are not castiron's to choose.
function(_castiron_optimize optimize_var engine)
  set(optimize ${arg_OPTIMIZE})
  if(NOT optimize AND engine STREQUAL "compiled")
    foreach(value IN ITEMS size speed)
      string(TOUPPER ${value} option)
      if(CONFIG_CASTIRON_OPTIMIZE_${option})
        set(optimize ${value})
      endif()
    endforeach()
  endif()
  set(${optimize_var} "${optimize}" PARENT_SCOPE)
endfunction()

# Where TensorFlow Lite Micro is, and which of its kernels to take.
function(_castiron_tflm_options options_var)
  if(NOT arg_TFLM)
    set(arg_TFLM ${CONFIG_CASTIRON_TFLM_PATH})
  endif()
  if(NOT arg_TFLM)
    set(arg_TFLM ${CASTIRON_TFLM})
  endif()
  if(NOT arg_TFLM)
    _castiron_error("ENGINE tflm compiles TensorFlow Lite Micro's kernels, and their sources were not named"
      "name a checkout of tflite-micro with TFLM, -DCASTIRON_TFLM=… or CONFIG_CASTIRON_TFLM_PATH")
  endif()
  _castiron_absolute(arg_TFLM)
  if(NOT arg_KERNELS AND CONFIG_CASTIRON_TFLM_CMSIS_NN)
    set(arg_KERNELS cmsis-nn)
  endif()
  _castiron_options(options TFLM KERNELS)
  if(arg_ALLOW_REVISION OR CONFIG_CASTIRON_TFLM_ALLOW_REVISION)
    list(APPEND options --allow-revision)
  endif()
  set(${options_var} "${options}" PARENT_SCOPE)
endfunction()
