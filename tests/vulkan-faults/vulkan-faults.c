// A Vulkan driver that fails when it is told to, for tests of what happens above it. It is another driver (SwiftShader's) but for the functions below, which
// look into a folder at every call, so that a test can change their minds while the process runs:
//
//   MELO_FAULT_DRIVER              the path of the driver that does the work
//   MELO_FAULT_FOLDER              the folder
//   MELO_FAULT_FOLDER/bytes        allocations that would take the device's memory in use beyond this decimal number are refused (VK_ERROR_OUT_OF_DEVICE_MEMORY)
//   MELO_FAULT_FOLDER/host-bytes   the same for memory of the host that the device can read; only a discrete device has it
//   MELO_FAULT_FOLDER/in-use       written here: the two numbers of bytes in use
//   MELO_FAULT_FOLDER/lost         while it is there, a device that is given work or waited for is lost for good (VK_ERROR_DEVICE_LOST), and no new one can be had
//   MELO_FAULT_FOLDER/discrete     read when a device is made: it has memory of its own that the host cannot reach, where the driver below has one for both
//
// The few types of vulkan_core.h that are needed are declared here, so that a C compiler is all it takes.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int32_t VkResult;
typedef struct VkInstance_T *VkInstance;
typedef struct VkPhysicalDevice_T *VkPhysicalDevice;
typedef struct VkDevice_T *VkDevice;
typedef struct VkQueue_T *VkQueue;
typedef uint64_t VkDeviceMemory, VkFence, VkBuffer, VkImage;
typedef struct { int32_t sType; const void *pNext; uint64_t allocationSize; uint32_t memoryTypeIndex; } VkMemoryAllocateInfo;
typedef struct { uint32_t propertyFlags, heapIndex; } VkMemoryType;
typedef struct { uint64_t size; uint32_t flags; } VkMemoryHeap;
typedef struct { uint32_t memoryTypeCount; VkMemoryType memoryTypes[32]; uint32_t memoryHeapCount; VkMemoryHeap memoryHeaps[16]; } VkPhysicalDeviceMemoryProperties;
typedef struct { int32_t sType; void *pNext; VkPhysicalDeviceMemoryProperties memoryProperties; } VkPhysicalDeviceMemoryProperties2;
typedef struct { uint64_t size, alignment; uint32_t memoryTypeBits; } VkMemoryRequirements;
typedef struct { int32_t sType; void *pNext; VkMemoryRequirements memoryRequirements; } VkMemoryRequirements2;

enum { VK_SUCCESS = 0, VK_ERROR_OUT_OF_DEVICE_MEMORY = -2, VK_ERROR_INITIALIZATION_FAILED = -3, VK_ERROR_DEVICE_LOST = -4 };
enum { DEVICE_LOCAL = 1, HOST_VISIBLE = 2, HOST_COHERENT = 4, HOST_CACHED = 8 }; // VkMemoryPropertyFlagBits

// Kinds of memory; on a discrete device also the numbers of its memory types, which are both the driver's one type.
enum { DEVICE, HOST, KINDS };

typedef void (*Function)(void);

#define EXPORT __attribute__((visibility("default")))

static Function (*driver_vk_icdGetInstanceProcAddr)(VkInstance, const char *);
static Function (*driver_vk_icdGetPhysicalDeviceProcAddr)(VkInstance, const char *);
static VkResult (*driver_vk_icdNegotiateLoaderICDInterfaceVersion)(uint32_t *);
static Function (*driver_vkGetDeviceProcAddr)(VkDevice, const char *);
static const char *folder;

// Every function that is not simply the driver's: its own is driver_NAME, what stands before it faulty_NAME.
#define FUNCTIONS(X) \
    X(VkResult, vkCreateDevice, (VkPhysicalDevice physical, const void *info, const void *allocator, VkDevice *device)) \
    X(void, vkDestroyDevice, (VkDevice device, const void *allocator)) \
    X(void, vkGetDeviceQueue, (VkDevice device, uint32_t family, uint32_t index, VkQueue *queue)) \
    X(void, vkGetDeviceQueue2, (VkDevice device, const void *info, VkQueue *queue)) \
    X(VkResult, vkAllocateMemory, (VkDevice device, const VkMemoryAllocateInfo *info, const void *allocator, VkDeviceMemory *memory)) \
    X(void, vkFreeMemory, (VkDevice device, VkDeviceMemory memory, const void *allocator)) \
    X(VkResult, vkQueueSubmit, (VkQueue queue, uint32_t count, const void *submits, VkFence fence)) \
    X(VkResult, vkQueueSubmit2, (VkQueue queue, uint32_t count, const void *submits, VkFence fence)) \
    X(VkResult, vkQueueWaitIdle, (VkQueue queue)) \
    X(VkResult, vkDeviceWaitIdle, (VkDevice device)) \
    X(VkResult, vkGetFenceStatus, (VkDevice device, VkFence fence)) \
    X(VkResult, vkWaitForFences, (VkDevice device, uint32_t count, const VkFence *fences, uint32_t all, uint64_t timeout)) \
    X(void, vkGetPhysicalDeviceMemoryProperties, (VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties *properties)) \
    X(void, vkGetPhysicalDeviceMemoryProperties2, (VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties2 *properties)) \
    X(void, vkGetBufferMemoryRequirements, (VkDevice device, VkBuffer buffer, VkMemoryRequirements *requirements)) \
    X(void, vkGetBufferMemoryRequirements2, (VkDevice device, const void *info, VkMemoryRequirements2 *requirements)) \
    X(void, vkGetImageMemoryRequirements, (VkDevice device, VkImage image, VkMemoryRequirements *requirements)) \
    X(void, vkGetImageMemoryRequirements2, (VkDevice device, const void *info, VkMemoryRequirements2 *requirements))

#define DECLARE(result, name, parameters) static result (*driver_##name) parameters;
FUNCTIONS(DECLARE)

static FILE *open_in_folder(const char *name, const char *mode)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return fopen(path, mode);
}

static int is_told(const char *name)
{
    FILE *file = open_in_folder(name, "re");
    if (file != NULL) fclose(file);
    return file != NULL;
}

__attribute__((constructor)) static void load(void)
{
    const char *path = getenv("MELO_FAULT_DRIVER");
    folder = getenv("MELO_FAULT_FOLDER");
    void *driver = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (driver == NULL || folder == NULL) {
        fprintf(stderr, "vulkan-faults: found MELO_FAULT_DRIVER=%s and MELO_FAULT_FOLDER=%s, expected a driver and a folder\n", path ? path : "", folder ? folder : "");
        abort();
    }
    driver_vk_icdGetInstanceProcAddr = (Function (*)(VkInstance, const char *))dlsym(driver, "vk_icdGetInstanceProcAddr");
    driver_vk_icdGetPhysicalDeviceProcAddr = (Function (*)(VkInstance, const char *))dlsym(driver, "vk_icdGetPhysicalDeviceProcAddr");
    driver_vk_icdNegotiateLoaderICDInterfaceVersion = (VkResult (*)(uint32_t *))dlsym(driver, "vk_icdNegotiateLoaderICDInterfaceVersion");
}

// What there is: a process has a handful of devices and queues, and some hundreds of allocations.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct device { VkDevice device; int lost, discrete; struct device *next; } *devices;
static struct queue { VkQueue queue; VkDevice device; struct queue *next; } *queues;
static struct allocation { VkDeviceMemory memory; uint64_t bytes; int kind; struct allocation *next; } *allocations;
static uint64_t in_use[KINDS];

static struct device *find(VkDevice device)
{
    struct device *found = devices;
    while (found != NULL && found->device != device) found = found->next;
    return found;
}

static VkResult faulty_vkCreateDevice(VkPhysicalDevice physical, const void *info, const void *allocator, VkDevice *device)
{
    if (is_told("lost")) return VK_ERROR_INITIALIZATION_FAILED;
    VkResult result = driver_vkCreateDevice(physical, info, allocator, device);
    if (result != VK_SUCCESS) return result;
    struct device *entry = malloc(sizeof *entry);
    pthread_mutex_lock(&lock);
    *entry = (struct device){ *device, 0, is_told("discrete"), devices };
    devices = entry;
    pthread_mutex_unlock(&lock);
    return result;
}

static void faulty_vkDestroyDevice(VkDevice device, const void *allocator)
{
    pthread_mutex_lock(&lock);
    for (struct queue **at = &queues; *at != NULL;) {
        struct queue *entry = *at;
        if (entry->device != device) { at = &entry->next; continue; }
        *at = entry->next;
        free(entry);
    }
    for (struct device **at = &devices; *at != NULL;) {
        struct device *entry = *at;
        if (entry->device != device) { at = &entry->next; continue; }
        *at = entry->next;
        free(entry);
    }
    pthread_mutex_unlock(&lock);
    driver_vkDestroyDevice(device, allocator);
}

static void remember(VkDevice device, VkQueue queue)
{
    pthread_mutex_lock(&lock);
    struct queue *found = queues;
    while (found != NULL && found->queue != queue) found = found->next;
    if (found == NULL) {
        found = malloc(sizeof *found);
        *found = (struct queue){ queue, device, queues };
        queues = found;
    }
    pthread_mutex_unlock(&lock);
}

static void faulty_vkGetDeviceQueue(VkDevice device, uint32_t family, uint32_t index, VkQueue *queue)
{
    driver_vkGetDeviceQueue(device, family, index, queue);
    remember(device, *queue);
}

static void faulty_vkGetDeviceQueue2(VkDevice device, const void *info, VkQueue *queue)
{
    driver_vkGetDeviceQueue2(device, info, queue);
    remember(device, *queue);
}

// Loss

static int is_lost(VkDevice device)
{
    pthread_mutex_lock(&lock);
    struct device *found = find(device);
    int lost = found != NULL && (found->lost |= is_told("lost"));
    pthread_mutex_unlock(&lock);
    return lost;
}

static int is_queue_lost(VkQueue queue)
{
    pthread_mutex_lock(&lock);
    struct queue *found = queues;
    while (found != NULL && found->queue != queue) found = found->next;
    VkDevice device = found == NULL ? NULL : found->device;
    pthread_mutex_unlock(&lock);
    return is_lost(device);
}

static VkResult faulty_vkQueueSubmit(VkQueue queue, uint32_t count, const void *submits, VkFence fence)
{
    return is_queue_lost(queue) ? VK_ERROR_DEVICE_LOST : driver_vkQueueSubmit(queue, count, submits, fence);
}

static VkResult faulty_vkQueueSubmit2(VkQueue queue, uint32_t count, const void *submits, VkFence fence)
{
    return is_queue_lost(queue) ? VK_ERROR_DEVICE_LOST : driver_vkQueueSubmit2(queue, count, submits, fence);
}

static VkResult faulty_vkQueueWaitIdle(VkQueue queue)
{
    return is_queue_lost(queue) ? VK_ERROR_DEVICE_LOST : driver_vkQueueWaitIdle(queue);
}

static VkResult faulty_vkDeviceWaitIdle(VkDevice device)
{
    return is_lost(device) ? VK_ERROR_DEVICE_LOST : driver_vkDeviceWaitIdle(device);
}

static VkResult faulty_vkGetFenceStatus(VkDevice device, VkFence fence)
{
    return is_lost(device) ? VK_ERROR_DEVICE_LOST : driver_vkGetFenceStatus(device, fence);
}

static VkResult faulty_vkWaitForFences(VkDevice device, uint32_t count, const VkFence *fences, uint32_t all, uint64_t timeout)
{
    return is_lost(device) ? VK_ERROR_DEVICE_LOST : driver_vkWaitForFences(device, count, fences, all, timeout);
}

// Memory

static unsigned long long bound(int kind)
{
    unsigned long long bytes;
    FILE *file = open_in_folder(kind == DEVICE ? "bytes" : "host-bytes", "re");
    if (file == NULL) return ULLONG_MAX;
    if (fscanf(file, "%llu", &bytes) != 1) bytes = ULLONG_MAX;
    fclose(file);
    return bytes;
}

// Called with the lock held. Replaced whole, so that nobody reads half of it.
static void count(int kind, uint64_t bytes)
{
    in_use[kind] += bytes;
    FILE *file = open_in_folder("in-use.new", "we");
    if (file == NULL) return;
    fprintf(file, "%llu %llu\n", (unsigned long long)in_use[DEVICE], (unsigned long long)in_use[HOST]);
    fclose(file);
    char from[PATH_MAX], to[PATH_MAX];
    snprintf(from, sizeof from, "%s/in-use.new", folder);
    snprintf(to, sizeof to, "%s/in-use", folder);
    rename(from, to);
}

static VkResult faulty_vkAllocateMemory(VkDevice device, const VkMemoryAllocateInfo *info, const void *allocator, VkDeviceMemory *memory)
{
    // Held over the driver's own call, so that two threads do not both take the last bytes.
    pthread_mutex_lock(&lock);
    struct device *found = find(device);
    int discrete = found != NULL && found->discrete, kind = discrete ? (int)info->memoryTypeIndex : DEVICE;
    unsigned long long most = bound(kind);
    VkResult result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    if (in_use[kind] <= most && info->allocationSize <= most - in_use[kind]) {
        VkMemoryAllocateInfo own = *info;
        if (discrete) own.memoryTypeIndex = 0;
        result = driver_vkAllocateMemory(device, &own, allocator, memory);
    }
    if (result == VK_SUCCESS) {
        struct allocation *entry = malloc(sizeof *entry);
        *entry = (struct allocation){ *memory, info->allocationSize, kind, allocations };
        allocations = entry;
        count(kind, entry->bytes);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

static void faulty_vkFreeMemory(VkDevice device, VkDeviceMemory memory, const void *allocator)
{
    pthread_mutex_lock(&lock);
    for (struct allocation **at = &allocations; *at != NULL;) {
        struct allocation *entry = *at;
        if (entry->memory != memory) { at = &entry->next; continue; }
        *at = entry->next;
        count(entry->kind, -entry->bytes);
        free(entry);
    }
    pthread_mutex_unlock(&lock);
    driver_vkFreeMemory(device, memory, allocator);
}

static void split(VkPhysicalDeviceMemoryProperties *properties)
{
    if (!is_told("discrete")) return;
    uint64_t size = properties->memoryHeaps[0].size;
    *properties = (VkPhysicalDeviceMemoryProperties){
        .memoryTypeCount = KINDS, .memoryTypes = { { DEVICE_LOCAL, DEVICE }, { HOST_VISIBLE | HOST_COHERENT | HOST_CACHED, HOST } },
        .memoryHeapCount = KINDS, .memoryHeaps = { { size, DEVICE_LOCAL }, { size, 0 } },
    };
}

static void allow_both(VkDevice device, VkMemoryRequirements *requirements)
{
    pthread_mutex_lock(&lock);
    struct device *found = find(device);
    if (found != NULL && found->discrete) requirements->memoryTypeBits = 1 << DEVICE | 1 << HOST;
    pthread_mutex_unlock(&lock);
}

static void faulty_vkGetPhysicalDeviceMemoryProperties(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties *properties)
{
    driver_vkGetPhysicalDeviceMemoryProperties(physical, properties);
    split(properties);
}

static void faulty_vkGetPhysicalDeviceMemoryProperties2(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties2 *properties)
{
    driver_vkGetPhysicalDeviceMemoryProperties2(physical, properties);
    split(&properties->memoryProperties);
}

static void faulty_vkGetBufferMemoryRequirements(VkDevice device, VkBuffer buffer, VkMemoryRequirements *requirements)
{
    driver_vkGetBufferMemoryRequirements(device, buffer, requirements);
    allow_both(device, requirements);
}

static void faulty_vkGetBufferMemoryRequirements2(VkDevice device, const void *info, VkMemoryRequirements2 *requirements)
{
    driver_vkGetBufferMemoryRequirements2(device, info, requirements);
    allow_both(device, &requirements->memoryRequirements);
}

static void faulty_vkGetImageMemoryRequirements(VkDevice device, VkImage image, VkMemoryRequirements *requirements)
{
    driver_vkGetImageMemoryRequirements(device, image, requirements);
    allow_both(device, requirements);
}

static void faulty_vkGetImageMemoryRequirements2(VkDevice device, const void *info, VkMemoryRequirements2 *requirements)
{
    driver_vkGetImageMemoryRequirements2(device, info, requirements);
    allow_both(device, &requirements->memoryRequirements);
}

// Finding functions

static Function faulty_vkGetDeviceProcAddr(VkDevice device, const char *name);
EXPORT Function vk_icdGetInstanceProcAddr(VkInstance instance, const char *name);

// The driver's function, or what stands before it. Extensions that became a part of Vulkan keep a second name that ends in KHR.
static Function before(const char *name, Function function)
{
    if (function == NULL) return NULL;
#define STAND(result, known, parameters) \
    if (strcmp(name, #known) == 0 || strcmp(name, #known "KHR") == 0) { \
        driver_##known = (result (*) parameters)function; \
        return (Function)faulty_##known; \
    }
    FUNCTIONS(STAND)
    if (strcmp(name, "vkGetInstanceProcAddr") == 0) return (Function)vk_icdGetInstanceProcAddr;
    if (strcmp(name, "vkGetDeviceProcAddr") != 0) return function;
    driver_vkGetDeviceProcAddr = (Function (*)(VkDevice, const char *))function;
    return (Function)faulty_vkGetDeviceProcAddr;
}

static Function faulty_vkGetDeviceProcAddr(VkDevice device, const char *name)
{
    return before(name, driver_vkGetDeviceProcAddr(device, name));
}

Function vk_icdGetInstanceProcAddr(VkInstance instance, const char *name)
{
    return before(name, driver_vk_icdGetInstanceProcAddr(instance, name));
}

EXPORT Function vk_icdGetPhysicalDeviceProcAddr(VkInstance instance, const char *name)
{
    return before(name, driver_vk_icdGetPhysicalDeviceProcAddr(instance, name));
}

EXPORT VkResult vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version)
{
    return driver_vk_icdNegotiateLoaderICDInterfaceVersion(version);
}
