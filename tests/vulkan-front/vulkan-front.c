// A Vulkan driver that stands in front of another and hands everything on but for the functions below, which do two things.
//
// It claims two features that the driver may lack and does not enable them: Dawn refuses a device without them, lavapipe as of Mesa 22.3 has neither, and the compute shaders
// of ONNX Runtime use neither. So lavapipe, which has 16-bit floats, can be the device of WebGPU.
//
// It fails when it is told to, for tests of what happens above it. It looks into a folder at every call, so that a test can change its mind while the process runs:
//
//   MELO_VULKAN_DRIVER              the path of the driver that does the work
//   MELO_VULKAN_FAULTS              the folder; without it nothing fails
//   MELO_VULKAN_FAULTS/bytes        allocations that would take the device's memory in use beyond this decimal number are refused (VK_ERROR_OUT_OF_DEVICE_MEMORY)
//   MELO_VULKAN_FAULTS/host-bytes   the same for memory of the host that the device can read; only a discrete device has it
//   MELO_VULKAN_FAULTS/in-use       written here: the two numbers of bytes in use
//   MELO_VULKAN_FAULTS/lost         while it is there, a device that is given work or waited for is lost for good (VK_ERROR_DEVICE_LOST), and no new one can be had
//   MELO_VULKAN_FAULTS/discrete     read when a device is made: it has memory of its own that the host cannot reach, where the driver below has one for both
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
typedef struct VkBaseInStructure { int32_t sType; const struct VkBaseInStructure *pNext; } VkBaseInStructure;
typedef struct { uint32_t features[55]; } VkPhysicalDeviceFeatures;
typedef struct { int32_t sType; void *pNext; VkPhysicalDeviceFeatures features; } VkPhysicalDeviceFeatures2;
typedef struct {
    int32_t sType;
    const void *pNext;
    uint32_t flags, queueCreateInfoCount;
    const void *pQueueCreateInfos;
    uint32_t enabledLayerCount;
    const char *const *ppEnabledLayerNames;
    uint32_t enabledExtensionCount;
    const char *const *ppEnabledExtensionNames;
    const VkPhysicalDeviceFeatures *pEnabledFeatures;
} VkDeviceCreateInfo;
typedef struct { int32_t sType; const void *pNext; uint64_t allocationSize; uint32_t memoryTypeIndex; } VkMemoryAllocateInfo;
typedef struct { uint32_t propertyFlags, heapIndex; } VkMemoryType;
typedef struct { uint64_t size; uint32_t flags; } VkMemoryHeap;
typedef struct { uint32_t memoryTypeCount; VkMemoryType memoryTypes[32]; uint32_t memoryHeapCount; VkMemoryHeap memoryHeaps[16]; } VkPhysicalDeviceMemoryProperties;
typedef struct { int32_t sType; void *pNext; VkPhysicalDeviceMemoryProperties memoryProperties; } VkPhysicalDeviceMemoryProperties2;
typedef struct { uint64_t size, alignment; uint32_t memoryTypeBits; } VkMemoryRequirements;
typedef struct { int32_t sType; void *pNext; VkMemoryRequirements memoryRequirements; } VkMemoryRequirements2;

enum { VK_SUCCESS = 0, VK_ERROR_OUT_OF_DEVICE_MEMORY = -2, VK_ERROR_INITIALIZATION_FAILED = -3, VK_ERROR_DEVICE_LOST = -4 };
enum { DEVICE_LOCAL = 1, HOST_VISIBLE = 2, HOST_COHERENT = 4, HOST_CACHED = 8 }; // VkMemoryPropertyFlagBits

enum { VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO = 48, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2 = 1000059000 };

// Kinds of memory; on a discrete device also the numbers of its memory types, which are both the driver's one type.
enum { DEVICE, HOST, KINDS };

typedef void (*Function)(void);

#define EXPORT __attribute__((visibility("default")))

static Function (*driver_vk_icdGetInstanceProcAddr)(VkInstance, const char *);
static Function (*driver_vk_icdGetPhysicalDeviceProcAddr)(VkInstance, const char *);
static VkResult (*driver_vk_icdNegotiateLoaderICDInterfaceVersion)(uint32_t *);
static Function (*driver_vkGetDeviceProcAddr)(VkDevice, const char *);
static const char *folder;

// Every function that is not simply the driver's: its own is driver_NAME, what stands before it front_NAME.
#define FUNCTIONS(X) \
    X(void, vkGetPhysicalDeviceFeatures, (VkPhysicalDevice physical, VkPhysicalDeviceFeatures *features)) \
    X(void, vkGetPhysicalDeviceFeatures2, (VkPhysicalDevice physical, VkPhysicalDeviceFeatures2 *features)) \
    X(VkResult, vkCreateDevice, (VkPhysicalDevice physical, const VkDeviceCreateInfo *info, const void *allocator, VkDevice *device)) \
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
    if (folder == NULL) return NULL;
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
    const char *path = getenv("MELO_VULKAN_DRIVER");
    folder = getenv("MELO_VULKAN_FAULTS");
    void *driver = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (driver == NULL) {
        fprintf(stderr, "vulkan-front: found MELO_VULKAN_DRIVER=%s, expected a driver (%s)\n", path ? path : "", path ? dlerror() : "none is named");
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

// Features

// Places in VkPhysicalDeviceFeatures.
static const int claimed[] = { 34 /* shaderSampledImageArrayDynamicIndexing */, 36 /* shaderStorageImageArrayDynamicIndexing */ };

static void claim(VkPhysicalDeviceFeatures *features)
{
    for (size_t i = 0; i < sizeof claimed / sizeof *claimed; i++) features->features[claimed[i]] = 1;
}

static void front_vkGetPhysicalDeviceFeatures(VkPhysicalDevice physical, VkPhysicalDeviceFeatures *features)
{
    driver_vkGetPhysicalDeviceFeatures(physical, features);
    claim(features);
}

static void front_vkGetPhysicalDeviceFeatures2(VkPhysicalDevice physical, VkPhysicalDeviceFeatures2 *features)
{
    driver_vkGetPhysicalDeviceFeatures2(physical, features);
    claim(&features->features);
}

// What the driver has of the features that are asked for: a driver refuses those that it lacks.
static VkPhysicalDeviceFeatures unclaimed(VkPhysicalDevice physical, const VkPhysicalDeviceFeatures *asked)
{
    VkPhysicalDeviceFeatures there, enabled = *asked;
    driver_vkGetPhysicalDeviceFeatures(physical, &there);
    for (size_t i = 0; i < sizeof claimed / sizeof *claimed; i++) enabled.features[claimed[i]] &= there.features[claimed[i]];
    return enabled;
}

// Creates a device from a copy of the caller's structures. The features stand in one of two places: by themselves, or first in the chain behind what the loader puts there
// for layers. Farther back they would stand behind structures of unknown size.
static VkResult create(VkPhysicalDevice physical, const VkDeviceCreateInfo *info, const void *allocator, VkDevice *device)
{
    VkDeviceCreateInfo own = *info;
    VkPhysicalDeviceFeatures features;
    VkPhysicalDeviceFeatures2 features2;
    const VkBaseInStructure *next = info->pNext;
    while (next != NULL && next->sType == VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO) next = next->pNext;
    if (info->pEnabledFeatures != NULL) {
        features = unclaimed(physical, info->pEnabledFeatures);
        own.pEnabledFeatures = &features;
    }
    else if (next != NULL && next->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2) {
        features2 = *(const VkPhysicalDeviceFeatures2 *)next;
        features2.features = unclaimed(physical, &features2.features);
        own.pNext = &features2;
    }
    return driver_vkCreateDevice(physical, &own, allocator, device);
}

static VkResult front_vkCreateDevice(VkPhysicalDevice physical, const VkDeviceCreateInfo *info, const void *allocator, VkDevice *device)
{
    if (is_told("lost")) return VK_ERROR_INITIALIZATION_FAILED;
    VkResult result = create(physical, info, allocator, device);
    if (result != VK_SUCCESS) return result;
    struct device *entry = malloc(sizeof *entry);
    pthread_mutex_lock(&lock);
    *entry = (struct device){ *device, 0, is_told("discrete"), devices };
    devices = entry;
    pthread_mutex_unlock(&lock);
    return result;
}

static void front_vkDestroyDevice(VkDevice device, const void *allocator)
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

static void front_vkGetDeviceQueue(VkDevice device, uint32_t family, uint32_t index, VkQueue *queue)
{
    driver_vkGetDeviceQueue(device, family, index, queue);
    remember(device, *queue);
}

static void front_vkGetDeviceQueue2(VkDevice device, const void *info, VkQueue *queue)
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

static VkResult front_vkQueueSubmit(VkQueue queue, uint32_t count, const void *submits, VkFence fence)
{
    return is_queue_lost(queue) ? VK_ERROR_DEVICE_LOST : driver_vkQueueSubmit(queue, count, submits, fence);
}

static VkResult front_vkQueueSubmit2(VkQueue queue, uint32_t count, const void *submits, VkFence fence)
{
    return is_queue_lost(queue) ? VK_ERROR_DEVICE_LOST : driver_vkQueueSubmit2(queue, count, submits, fence);
}

static VkResult front_vkQueueWaitIdle(VkQueue queue)
{
    return is_queue_lost(queue) ? VK_ERROR_DEVICE_LOST : driver_vkQueueWaitIdle(queue);
}

static VkResult front_vkDeviceWaitIdle(VkDevice device)
{
    return is_lost(device) ? VK_ERROR_DEVICE_LOST : driver_vkDeviceWaitIdle(device);
}

static VkResult front_vkGetFenceStatus(VkDevice device, VkFence fence)
{
    return is_lost(device) ? VK_ERROR_DEVICE_LOST : driver_vkGetFenceStatus(device, fence);
}

static VkResult front_vkWaitForFences(VkDevice device, uint32_t count, const VkFence *fences, uint32_t all, uint64_t timeout)
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

static VkResult front_vkAllocateMemory(VkDevice device, const VkMemoryAllocateInfo *info, const void *allocator, VkDeviceMemory *memory)
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

static void front_vkFreeMemory(VkDevice device, VkDeviceMemory memory, const void *allocator)
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

static void front_vkGetPhysicalDeviceMemoryProperties(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties *properties)
{
    driver_vkGetPhysicalDeviceMemoryProperties(physical, properties);
    split(properties);
}

static void front_vkGetPhysicalDeviceMemoryProperties2(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties2 *properties)
{
    driver_vkGetPhysicalDeviceMemoryProperties2(physical, properties);
    split(&properties->memoryProperties);
}

static void front_vkGetBufferMemoryRequirements(VkDevice device, VkBuffer buffer, VkMemoryRequirements *requirements)
{
    driver_vkGetBufferMemoryRequirements(device, buffer, requirements);
    allow_both(device, requirements);
}

static void front_vkGetBufferMemoryRequirements2(VkDevice device, const void *info, VkMemoryRequirements2 *requirements)
{
    driver_vkGetBufferMemoryRequirements2(device, info, requirements);
    allow_both(device, &requirements->memoryRequirements);
}

static void front_vkGetImageMemoryRequirements(VkDevice device, VkImage image, VkMemoryRequirements *requirements)
{
    driver_vkGetImageMemoryRequirements(device, image, requirements);
    allow_both(device, requirements);
}

static void front_vkGetImageMemoryRequirements2(VkDevice device, const void *info, VkMemoryRequirements2 *requirements)
{
    driver_vkGetImageMemoryRequirements2(device, info, requirements);
    allow_both(device, &requirements->memoryRequirements);
}

// Finding functions

static Function front_vkGetDeviceProcAddr(VkDevice device, const char *name);
EXPORT Function vk_icdGetInstanceProcAddr(VkInstance instance, const char *name);

// The driver's function, or what stands before it. Extensions that became a part of Vulkan keep a second name that ends in KHR.
static Function before(const char *name, Function function)
{
    if (function == NULL) return NULL;
#define STAND(result, known, parameters) \
    if (strcmp(name, #known) == 0 || strcmp(name, #known "KHR") == 0) { \
        driver_##known = (result (*) parameters)function; \
        return (Function)front_##known; \
    }
    FUNCTIONS(STAND)
    if (strcmp(name, "vkGetInstanceProcAddr") == 0) return (Function)vk_icdGetInstanceProcAddr;
    if (strcmp(name, "vkGetDeviceProcAddr") != 0) return function;
    driver_vkGetDeviceProcAddr = (Function (*)(VkDevice, const char *))function;
    return (Function)front_vkGetDeviceProcAddr;
}

static Function front_vkGetDeviceProcAddr(VkDevice device, const char *name)
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
