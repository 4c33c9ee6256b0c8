#define _GNU_SOURCE 1
#include "symbols.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Libraries that are loaded from now on, and dlsym(), find a function by the table of symbols of the library that has
 * it: there its address is changed, in our own copy of a page. Those that are loaded already have the address in
 * slots that the loader has filled: these are found by what is in them. Code is not changed anywhere. */

#if defined(__GLIBC__) && (defined(__x86_64__) || defined(__aarch64__))

#ifdef __x86_64__
#define IS_OF_A_FUNCTION(type)                                                                      \
    ((type) == R_X86_64_JUMP_SLOT || (type) == R_X86_64_GLOB_DAT || (type) == R_X86_64_64)
#else
#define IS_OF_A_FUNCTION(type)                                                                      \
    ((type) == R_AARCH64_JUMP_SLOT || (type) == R_AARCH64_GLOB_DAT || (type) == R_AARCH64_ABS64)
#endif

struct replacement {
    uintptr_t original, ours;
    ElfW(Sym) *symbol; /* of the original, in the table of its library */
    bool is_done;
};

/* One aligned store: other threads see the one or the other. */
static bool
write_word(uintptr_t *place, uintptr_t word, int protection)
{
    uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    void *page = (void *)((uintptr_t)place & ~(page_bytes - 1));
    if (!(protection & PROT_WRITE) && mprotect(page, page_bytes, protection | PROT_WRITE) != 0) {
        return false;
    }
    __atomic_store_n(place, word, __ATOMIC_RELEASE);
    if (!(protection & PROT_WRITE)) {
        mprotect(page, page_bytes, protection);
    }
    return true;
}

static bool
is_in(const struct dl_phdr_info *library, const ElfW(Phdr) *segment, uintptr_t address)
{
    uintptr_t offset = address - library->dlpi_addr - segment->p_vaddr;
    return offset < segment->p_memsz;
}

/* What may be done with the memory at an address of a library; 0: it is none of its. */
static int
protection_at(const struct dl_phdr_info *library, uintptr_t address)
{
    int protection = 0;
    for (int index = 0; index < library->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &library->dlpi_phdr[index];
        if (segment->p_type == PT_LOAD && is_in(library, segment, address)) {
            protection |= (segment->p_flags & PF_R ? PROT_READ : 0) |
                          (segment->p_flags & PF_W ? PROT_WRITE : 0) |
                          (segment->p_flags & PF_X ? PROT_EXEC : 0);
        }
    }
    for (int index = 0; index < library->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &library->dlpi_phdr[index];
        if (segment->p_type == PT_GNU_RELRO && is_in(library, segment, address)) {
            protection &= ~PROT_WRITE;
        }
    }
    return protection;
}

static const ElfW(Dyn) *
dynamic_section(const struct dl_phdr_info *library)
{
    for (int index = 0; index < library->dlpi_phnum; index++) {
        if (library->dlpi_phdr[index].p_type == PT_DYNAMIC) {
            return (const ElfW(Dyn) *)(library->dlpi_addr + library->dlpi_phdr[index].p_vaddr);
        }
    }
    return NULL;
}

static void
change_slots(const struct dl_phdr_info *library, const struct replacement *replacement,
             const ElfW(Rela) *relocations, size_t bytes)
{
    for (size_t index = 0; index < bytes / sizeof(*relocations); index++) {
        const ElfW(Rela) *relocation = &relocations[index];
        uintptr_t *slot = (uintptr_t *)(library->dlpi_addr + relocation->r_offset);
        if (!IS_OF_A_FUNCTION(ELF64_R_TYPE(relocation->r_info))) {
            continue;
        }
        int protection = protection_at(library, (uintptr_t)slot);
        if ((protection & PROT_READ) && *slot == replacement->original) {
            write_word(slot, replacement->ours, protection);
        }
    }
}

static void
change_slots_of(const struct dl_phdr_info *library, const struct replacement *replacement)
{
    uintptr_t relocations = 0, of_functions = 0;
    size_t bytes = 0, bytes_of_functions = 0;
    const ElfW(Dyn) *entry = dynamic_section(library);
    for (; entry != NULL && entry->d_tag != DT_NULL; entry++) {
        switch (entry->d_tag) {
        case DT_RELA: relocations = entry->d_un.d_ptr; break;
        case DT_RELASZ: bytes = entry->d_un.d_val; break;
        case DT_JMPREL: of_functions = entry->d_un.d_ptr; break;
        case DT_PLTRELSZ: bytes_of_functions = entry->d_un.d_val; break;
        default: break;
        }
    }
    /* The loader has made addresses of these, but not in every library. */
    relocations += relocations < library->dlpi_addr ? library->dlpi_addr : 0;
    of_functions += of_functions < library->dlpi_addr ? library->dlpi_addr : 0;
    change_slots(library, replacement, (const ElfW(Rela) *)relocations, bytes);
    change_slots(library, replacement, (const ElfW(Rela) *)of_functions, bytes_of_functions);
}

static int
change_symbol(struct dl_phdr_info *library, size_t size, void *argument)
{
    struct replacement *replacement = argument;
    (void)size;
    int protection = protection_at(library, (uintptr_t)replacement->symbol);
    if (protection == 0) {
        return 0;
    }
    uintptr_t value = replacement->ours - (replacement->original - replacement->symbol->st_value);
    replacement->is_done = write_word(&replacement->symbol->st_value, value, protection);
    return 1;
}

static int
change_library(struct dl_phdr_info *library, size_t size, void *argument)
{
    const struct replacement *replacement = argument;
    (void)size;
    if (protection_at(library, (uintptr_t)replacement->symbol) == 0 &&
        protection_at(library, replacement->ours) == 0) {
        change_slots_of(library, replacement);
    }
    return 0;
}

bool
symbols_replace(const char *name, any_function original, any_function ours)
{
    struct replacement replacement = {.original = (uintptr_t)original, .ours = (uintptr_t)ours};
    Dl_info found;
    if (dladdr1((void *)replacement.original, &found, (void **)&replacement.symbol,
                RTLD_DL_SYMENT) == 0 ||
        replacement.symbol == NULL || found.dli_saddr != (void *)replacement.original ||
        found.dli_sname == NULL || strcmp(found.dli_sname, name) != 0) {
        return false;
    }
    dl_iterate_phdr(change_symbol, &replacement);
    if (replacement.is_done) {
        dl_iterate_phdr(change_library, &replacement);
    }
    return replacement.is_done;
}

#else

bool
symbols_replace(const char *name, any_function original, any_function ours)
{
    (void)name, (void)original, (void)ours;
    return false;
}

#endif
