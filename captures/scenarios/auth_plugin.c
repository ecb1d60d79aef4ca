/* A mosquitto plugin that gives recordings real AUTH packets.
 *
 * Method "X-REVERSE": the client names a user in its first Authentication Data, the broker sends a challenge, the
 * client sends the challenge back reversed. Anything else is refused. It serves CONNECT and re-authentication alike.
 *
 * gcc -shared -fPIC -o auth_plugin.so auth_plugin.c        (headers: Debian packages mosquitto-dev, libmosquitto-dev)
 */
#include <string.h>

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

#define METHOD "X-REVERSE"
#define CHALLENGE "jabberwocky"

static mosquitto_plugin_id_t *plugin;

static int answer(struct mosquitto_evt_extended_auth *event, const char *text)
{
    event->data_out = mosquitto_strdup(text);
    if (event->data_out == NULL)
        return MOSQ_ERR_NOMEM;
    event->data_out_len = (uint16_t)strlen(text);
    return MOSQ_ERR_SUCCESS;
}

static int on_start(int type, void *data, void *user)
{
    struct mosquitto_evt_extended_auth *event = data;

    (void)type, (void)user;
    if (event->auth_method == NULL || strcmp(event->auth_method, METHOD) != 0)
        return MOSQ_ERR_NOT_SUPPORTED;
    if (event->data_in_len != strlen("alice") || memcmp(event->data_in, "alice", event->data_in_len) != 0)
        return MOSQ_ERR_AUTH;
    return answer(event, CHALLENGE) == MOSQ_ERR_SUCCESS ? MOSQ_ERR_AUTH_CONTINUE : MOSQ_ERR_NOMEM;
}

static int on_continue(int type, void *data, void *user)
{
    struct mosquitto_evt_extended_auth *event = data;
    const char *reply = event->data_in;
    size_t length = strlen(CHALLENGE);

    (void)type, (void)user;
    if (event->data_in_len != length)
        return MOSQ_ERR_AUTH;
    for (size_t i = 0; i < length; i++)
        if (reply[i] != CHALLENGE[length - 1 - i])
            return MOSQ_ERR_AUTH;
    return answer(event, "welcome");
}

int mosquitto_plugin_version(int count, const int *versions)
{
    for (int i = 0; i < count; i++)
        if (versions[i] == 5)
            return 5;
    return -1;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *id, void **user, struct mosquitto_opt *options, int count)
{
    (void)user, (void)options, (void)count;
    plugin = id;
    if (mosquitto_callback_register(id, MOSQ_EVT_EXT_AUTH_START, on_start, NULL, NULL) != MOSQ_ERR_SUCCESS)
        return MOSQ_ERR_UNKNOWN;
    return mosquitto_callback_register(id, MOSQ_EVT_EXT_AUTH_CONTINUE, on_continue, NULL, NULL);
}

int mosquitto_plugin_cleanup(void *user, struct mosquitto_opt *options, int count)
{
    (void)user, (void)options, (void)count;
    mosquitto_callback_unregister(plugin, MOSQ_EVT_EXT_AUTH_START, on_start, NULL);
    return mosquitto_callback_unregister(plugin, MOSQ_EVT_EXT_AUTH_CONTINUE, on_continue, NULL);
}
