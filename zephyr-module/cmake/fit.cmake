# Whether models fit on the board.

# castiron_fit_check(<target> [MODELS <file>|<name>…] [DTS <file> | BOARD <name>] [ENGINE compiled|tflm]
#   [SHAPE <input>=1x96x96x3…] [OPTIMIZE size|balanced|speed] [MAX_ARENA <bytes>] [APP_FLASH <KB>] [APP_RAM <KB>] [NO_CODE])
#
# Fails the build of the target if the models do not fit (`castiron fit`), and shows what uses the memory.
#
#   MODELS      files, or names of models in the source folder's castiron.toml. Default: those of castiron_add_model() for this target, up to this call
#   DTS, BOARD  the board's memories, from a flattened devicetree or castiron's list. Default: the
#               devicetree of a Zephyr build, or the board that castiron.toml names
#   SHAPE       shapes of inputs whose sizes the files leave open. Default: without MODELS, those of
#               castiron_add_model() for this target
#   OPTIMIZE    what castiron's kernels are chosen for. Default: CONFIG_CASTIRON_OPTIMIZE_…, or balanced
#   MAX_ARENA   the most bytes of arena of each model, as castiron_add_model() has it
#   APP_FLASH, APP_RAM   memory of everything else, in KB. Default: CONFIG_CASTIRON_FIT_APP_FLASH and
#               CONFIG_CASTIRON_FIT_APP_RAM, or 0
#   NO_CODE     do not estimate the models' code: APP_FLASH includes it. Default:
#               CONFIG_CASTIRON_FIT_NO_CODE
function(castiron_fit_check target)
  _castiron_parse(1 "NO_CODE" "DTS;BOARD;ENGINE;OPTIMIZE;MAX_ARENA;APP_FLASH;APP_RAM" "MODELS;SHAPE")
  _castiron_one_of(OPTIMIZE size balanced speed)
  _castiron_check_target(castiron_fit_check ${target})
  _castiron_engine(arg_ENGINE)
  _castiron_absolute(arg_DTS)
  if(NOT arg_MODELS)
    get_property(arg_MODELS TARGET ${target} PROPERTY CASTIRON_MODELS_${arg_ENGINE})
    get_property(shapes TARGET ${target} PROPERTY CASTIRON_SHAPES_${arg_ENGINE})
    list(APPEND arg_SHAPE ${shapes})
    list(REMOVE_DUPLICATES arg_SHAPE)
  endif()
  if(NOT arg_MODELS)
    _castiron_error("castiron_fit_check() has no models to check"
      "name them with MODELS, or call castiron_add_model(${target} …) first")
  endif()
  _castiron_models(arg_MODELS files entries)
  if(NOT arg_DTS AND NOT arg_BOARD)
    set(arg_DTS ${ZEPHYR_DTS})
    if(NOT arg_DTS AND NOT entries)
      _castiron_error("castiron_fit_check() does not know the board" "name it with BOARD, or a flattened devicetree with DTS")
    endif()
  endif()
  _castiron_check_file(model ${files})
  _castiron_check_file(devicetree ${arg_DTS})
  foreach(memory IN ITEMS FLASH RAM)
    if("${arg_APP_${memory}}" STREQUAL "")
      set(arg_APP_${memory} ${CONFIG_CASTIRON_FIT_APP_${memory}})
    endif()
  endforeach()
  if(files)
    _castiron_optimize(arg_OPTIMIZE ${arg_ENGINE})
  elseif(arg_ENGINE STREQUAL "compiled")
    # castiron.toml says which it is.
    set(arg_ENGINE)
  endif()
  _castiron_config(arg_CONFIG)
  _castiron_options(options DTS BOARD ENGINE OPTIMIZE MAX_ARENA CONFIG APP_FLASH APP_RAM)
  foreach(shape IN LISTS arg_SHAPE)
    list(APPEND options --shape ${shape})
  endforeach()
  if(arg_NO_CODE OR CONFIG_CASTIRON_FIT_NO_CODE)
    list(APPEND options --no-code)
  endif()
  _castiron_unused_target(check castiron_fit_check)
  set(report ${CMAKE_CURRENT_BINARY_DIR}/castiron/${check}.txt)
  _castiron_command(
    STAMP ${CMAKE_CURRENT_BINARY_DIR}/castiron/${check}.stamp
    OUTPUTS ${report}
    ARGUMENTS fit ${arg_MODELS} ${options} --output ${report}
    DEPENDS ${files} ${arg_DTS} ${arg_CONFIG}
    COMMENT "checking that the models fit on the board")
  add_custom_target(${check} DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/castiron/${check}.stamp)
  add_dependencies(${target} ${check})
  _castiron_in_turn(${check} 2 ${arg_MODELS})
endfunction()

# Remembers a model of a target, with its shapes. With CONFIG_CASTIRON_FIT_CHECK all of them are checked together, once
# the last is known: at the end of the file that adds them.
function(_castiron_to_be_fitted target engine model)
  set_property(TARGET ${target} APPEND PROPERTY CASTIRON_MODELS_${engine} ${model})
  set_property(TARGET ${target} APPEND PROPERTY CASTIRON_SHAPES_${engine} ${ARGN})
  get_property(planned TARGET ${target} PROPERTY CASTIRON_FIT_PLANNED_${engine})
  if(CONFIG_CASTIRON_FIT_CHECK AND CONFIG_ARCH_POSIX)
    message(STATUS "castiron: a program of this machine has no memories that models could be checked against")
  elseif(CONFIG_CASTIRON_FIT_CHECK AND NOT planned)
    set_property(TARGET ${target} PROPERTY CASTIRON_FIT_PLANNED_${engine} TRUE)
    # Evaluated now: a deferred call's own variables are those of the end.
    cmake_language(EVAL CODE "cmake_language(DEFER CALL castiron_fit_check [[${target}]] ENGINE ${engine})")
  endif()
endfunction()
