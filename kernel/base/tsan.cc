// What ThreadSanitizer reports of libraries and is no fault of theirs or ours.
#ifdef __SANITIZE_THREAD__

// boost::lockfree: a popper of the queue may read a node that another has just recycled; it notices by the
// node's tag and tries again. What passes through the queue is ordered by its atomics. libz3: built without
// ThreadSanitizer, it hands the mutex of its timer from thread to thread.
extern "C" const char* __tsan_default_suppressions();
const char* __tsan_default_suppressions() { return "race:boost::lockfree\ncalled_from_lib:libz3.so\n"; }

#endif
