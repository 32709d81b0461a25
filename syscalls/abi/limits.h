/* Every bound of phios that more than one module relies on. C and C++. Units are in the names or the
 * comments. */
#ifndef PHIOS_LIMITS_H
#define PHIOS_LIMITS_H

#define PHI_CELL_MAX 65536            /* bytes of a cell's value */
#define PHI_CELL_NAME_MAX 255         /* bytes of a cell's name, prefix included */
#define PHI_FRAME_MAX 2048            /* bytes of a frame between its markers */
#define PHI_FRAME_RESULT_MAX 65536    /* bytes of a result in its text form */
#define PHI_ARGS_MAX 32               /* arguments of one call */
#define PHI_NAME_MAX 1024             /* bytes of a name or path: programs, tools, collections, channels */
#define PHI_LABEL_MAX 64              /* bytes of a label */
#define PHI_LABELS_MAX 1024           /* labels of one prompt program */
#define PHI_PROGRAM_MAX 1048576       /* bytes of a program's source */
#define PHI_PROCESSES_MAX 65535       /* processes alive in one kernel, zombies included */
#define PHI_FORK_MAX 1024             /* children of one FORK */
#define PHI_CHANNEL_MAX 64            /* messages a channel holds */
#define PHI_CHANNELS_MAX 4096         /* named channels of one kernel */
#define PHI_CELLS_MAX 65536           /* private cells of one process */
#define PHI_PAGE_TOKENS 16            /* tokens of a KV frame */
#define PHI_CONTEXT_MAX 1048576       /* tokens of one context, whatever the model says */
#define PHI_VOCAB_MAX 524288          /* tokens of a vocabulary */
#define PHI_SLEEP_MAX_MS 86400000     /* a day */
#define PHI_WAIT_DEFAULT_MS 600000    /* the deadline of a blocking call that names none */
#define PHI_TOOL_OUTPUT_MAX 65536     /* bytes kept of a tool's output */
#define PHI_RETRIEVE_MAX 64           /* passages of one RETRIEVE */
#define PHI_PASSAGE_MAX 16384         /* bytes of one passage */
#define PHI_SOLVER_PROGRAM_MAX 262144 /* bytes of a solver program */

#endif
