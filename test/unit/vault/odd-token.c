/*
 * A PKCS#11 library that passes everything on to another one and, when told to, does what real tokens do and SoftHSM
 * does not: chooses its own nonces, loses its sessions, is pulled out, hangs, dies between two calls.
 *
 * COFFER_ODD_REAL is the library it passes on to; COFFER_ODD_FOLDER holds the file `orders`, read at every call:
 *
 *   writes-nonce | appends-nonce | hides-nonce   AES-GCM takes a nonce of the token's, and tells it so
 *   fails CKR NAME[,NAME…][:N]   these functions (any, with *) give CKR, N times (once if not given, always with 0)
 *   hangs NAME             the function NAME does not return
 *   dies-before NAME:N | dies-after NAME:N       the process is killed at the Nth call of NAME from now on
 *   dies-before file:N | dies-after file:N       at the Nth time a token's file is opened or removed (SoftHSM opens and
 *                          writes an object's file once for each attribute); needs to be loaded with LD_PRELOAD
 *   fixed-templates        keys cannot be made with CKA_MODIFIABLE
 *
 * The file `calls` gets a line for every call.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pkcs11/pkcs11.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST odd;
static char orders[256], counted[256];
static int count;
/* Of the encryption under way. */
static CK_BYTE_PTR told;
static CK_BYTE own[12];

static const char *path(const char *name) {
  static char whole[1024];
  snprintf(whole, sizeof whole, "%s/%s", getenv("COFFER_ODD_FOLDER"), name);
  return whole;
}

static void read_orders(void) {
  FILE *file = fopen(path("orders"), "r");
  orders[0] = 0;
  if (!file) return;
  if (!fgets(orders, sizeof orders, file)) orders[0] = 0;
  fclose(file);
}

static int told_to(const char *what) { return strncmp(orders, what, strlen(what)) == 0; }

static void die(void) {
  unlink(path("orders"));
  kill(getpid(), SIGKILL);
  pause();
}

static int is_named(const char *list, const char *name) {
  const char *found = strstr(list, name);
  if (strcmp(list, "*") == 0) return 1;
  return found && (found[strlen(name)] == 0 || found[strlen(name)] == ',') && (found == list || found[-1] == ',');
}

/* Whether this is the call that the order, “<what> NAME:N”, means. */
static int is_struck(const char *what, const char *name) {
  char meant[64];
  int number = 1;
  if (!told_to(what) || sscanf(orders + strlen(what), " %63[^:]:%d", meant, &number) < 1) return 0;
  if (!is_named(meant, name)) return 0;
  if (strcmp(counted, orders) != 0) strcpy(counted, orders), count = 0;
  return ++count == number;
}

static CK_RV before(const char *name) {
  char meant[64];
  unsigned long code;
  int times = 1;
  FILE *calls = fopen(path("calls"), "a");
  if (calls) fprintf(calls, "%s\n", name), fclose(calls);
  read_orders();
  if (is_struck("dies-before", name)) die();
  if (told_to("hangs") && strcmp(orders + 6, name) == 0)
    for (;;) pause();
  if (told_to("fails") && sscanf(orders, "fails %lu %63[^:]:%d", &code, meant, &times) >= 2 &&
      is_named(meant, name)) {
    if (times == 1) unlink(path("orders"));
    if (times > 1) {
      FILE *file = fopen(path("orders"), "w");
      if (file) fprintf(file, "fails %lu %s:%d", code, meant, times - 1), fclose(file);
    }
    return code;
  }
  return CKR_OK;
}

static CK_RV after(const char *name, CK_RV rv) {
  if (is_struck("dies-after", name)) die();
  return rv;
}

#define PASS(name, parameters, ...)          \
  static CK_RV odd_##name parameters {       \
    CK_RV rv = before(#name);                \
    if (rv != CKR_OK) return rv;             \
    return after(#name, real->name(__VA_ARGS__)); \
  }

#define SESSION CK_SESSION_HANDLE s
#define BYTES(name) CK_BYTE_PTR name, CK_ULONG name##_length

PASS(C_GetSlotList, (CK_BBOOL present, CK_SLOT_ID_PTR list, CK_ULONG_PTR many), present, list, many)
PASS(C_OpenSession, (CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR app, CK_NOTIFY notify, CK_SESSION_HANDLE_PTR s), slot,
     flags, app, notify, s)
PASS(C_Login, (SESSION, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG length), s, user, pin, length)
PASS(C_FindObjectsInit, (SESSION, CK_ATTRIBUTE_PTR list, CK_ULONG many), s, list, many)
PASS(C_FindObjects, (SESSION, CK_OBJECT_HANDLE_PTR list, CK_ULONG room, CK_ULONG_PTR many), s, list, room, many)
PASS(C_GetAttributeValue, (SESSION, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR list, CK_ULONG many), s, o, list, many)
PASS(C_CreateObject, (SESSION, CK_ATTRIBUTE_PTR list, CK_ULONG many, CK_OBJECT_HANDLE_PTR o), s, list, many, o)
PASS(C_DestroyObject, (SESSION, CK_OBJECT_HANDLE o), s, o)
PASS(C_DecryptInit, (SESSION, CK_MECHANISM_PTR how, CK_OBJECT_HANDLE key), s, how, key)
PASS(C_Decrypt, (SESSION, BYTES(in), CK_BYTE_PTR out, CK_ULONG_PTR many), s, in, in_length, out, many)
PASS(C_SignInit, (SESSION, CK_MECHANISM_PTR how, CK_OBJECT_HANDLE key), s, how, key)
PASS(C_Sign, (SESSION, BYTES(in), CK_BYTE_PTR out, CK_ULONG_PTR many), s, in, in_length, out, many)

static int asks_modifiable(CK_ATTRIBUTE_PTR list, CK_ULONG many) {
  for (CK_ULONG i = 0; i < many; i++)
    if (list[i].type == CKA_MODIFIABLE) return told_to("fixed-templates");
  return 0;
}

static CK_RV odd_C_GenerateKey(SESSION, CK_MECHANISM_PTR how, CK_ATTRIBUTE_PTR list, CK_ULONG many,
                               CK_OBJECT_HANDLE_PTR o) {
  CK_RV rv = before("C_GenerateKey");
  if (rv != CKR_OK) return rv;
  if (asks_modifiable(list, many)) return CKR_TEMPLATE_INCONSISTENT;
  return after("C_GenerateKey", real->C_GenerateKey(s, how, list, many, o));
}

static CK_RV odd_C_GenerateKeyPair(SESSION, CK_MECHANISM_PTR how, CK_ATTRIBUTE_PTR outer, CK_ULONG outers,
                                   CK_ATTRIBUTE_PTR inner, CK_ULONG inners, CK_OBJECT_HANDLE_PTR o,
                                   CK_OBJECT_HANDLE_PTR i) {
  CK_RV rv = before("C_GenerateKeyPair");
  if (rv != CKR_OK) return rv;
  if (asks_modifiable(outer, outers) || asks_modifiable(inner, inners)) return CKR_TEMPLATE_INCONSISTENT;
  return after("C_GenerateKeyPair", real->C_GenerateKeyPair(s, how, outer, outers, inner, inners, o, i));
}

static CK_RV odd_C_EncryptInit(SESSION, CK_MECHANISM_PTR how, CK_OBJECT_HANDLE key) {
  CK_RV rv = before("C_EncryptInit");
  CK_GCM_PARAMS parameters = *(CK_GCM_PARAMS *)how->pParameter;
  CK_MECHANISM changed = {how->mechanism, &parameters, sizeof parameters};
  if (rv != CKR_OK) return rv;
  told = parameters.pIv;
  if (told_to("writes-nonce") || told_to("appends-nonce") || told_to("hides-nonce")) {
    real->C_GenerateRandom(s, own, sizeof own);
    parameters.pIv = own;
  }
  return after("C_EncryptInit", real->C_EncryptInit(s, &changed, key));
}

static CK_RV odd_C_Encrypt(SESSION, BYTES(in), CK_BYTE_PTR out, CK_ULONG_PTR many) {
  CK_RV rv = before("C_Encrypt");
  if (rv != CKR_OK) return rv;
  rv = real->C_Encrypt(s, in, in_length, out, many);
  if (told_to("writes-nonce")) memcpy(told, own, sizeof own);
  if (told_to("appends-nonce") && rv == CKR_OK) memcpy(out + *many, own, sizeof own), *many += sizeof own;
  return after("C_Encrypt", rv);
}

static int is_object(const char *name) {
  size_t length = strlen(name);
  return real && length > 7 && strcmp(name + length - 7, ".object") == 0;
}

int open(const char *name, int flags, ...) {
  int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  mode_t mode = 0;
  int fd;
  if (flags & O_CREAT) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  if (!is_object(name) || !(flags & O_RDWR)) return next(name, flags, mode);
  read_orders();
  if (is_struck("dies-before", "file")) die();
  fd = next(name, flags, mode);
  if (is_struck("dies-after", "file")) die();
  return fd;
}

int remove(const char *name) {
  int (*next)(const char *) = dlsym(RTLD_NEXT, "remove");
  int result;
  if (!is_object(name)) return next(name);
  read_orders();
  if (is_struck("dies-before", "file")) die();
  result = next(name);
  if (is_struck("dies-after", "file")) die();
  return result;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
  void *library = dlopen(getenv("COFFER_ODD_REAL"), RTLD_NOW | RTLD_LOCAL);
  CK_C_GetFunctionList get = library ? (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList") : NULL;
  if (!get || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
  odd = *real;
#define TAKE(name) odd.name = odd_##name
  TAKE(C_GetSlotList), TAKE(C_OpenSession), TAKE(C_Login), TAKE(C_FindObjectsInit), TAKE(C_FindObjects);
  TAKE(C_GetAttributeValue), TAKE(C_CreateObject), TAKE(C_DestroyObject), TAKE(C_DecryptInit), TAKE(C_Decrypt);
  TAKE(C_SignInit), TAKE(C_Sign), TAKE(C_GenerateKey), TAKE(C_GenerateKeyPair), TAKE(C_EncryptInit);
  TAKE(C_Encrypt);
  *list = &odd;
  return CKR_OK;
}
