// SPDX-License-Identifier: Apache-2.0
// OpenSSL as Swift sees it: its headers, and what is a macro or variadic there as an inline function or a
// constant here. No decisions are made in this file.
#pragma once
// As in CLinux: the system headers must say the same in each module, or a target cannot import two of them.
#include <sys/resource.h>
#include <sys/select.h>
#undef _FEATURES_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <features.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// Options and modes

/// No tickets, no compression, no renegotiation: nothing that outlives a connection or reuses its secrets.
static const uint64_t stint_ssl_options =
    SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE
    | SSL_OP_SINGLE_DH_USE | SSL_OP_SINGLE_ECDH_USE;

/// A write may take part of the bytes and may be repeated from another address; idle buffers are given back.
static const long stint_ssl_modes =
    SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS;

static inline int stint_ssl_set_version(SSL_CTX *context, int version) {
    return SSL_CTX_set_min_proto_version(context, version) == 1
        && SSL_CTX_set_max_proto_version(context, version) == 1;
}
static inline int stint_ssl_set_minimum_version(SSL_CTX *context, int version) {
    return SSL_CTX_set_min_proto_version(context, version) == 1;
}
static inline int stint_ssl_set_server_name(SSL *connection, const char *name) {
    return (int)SSL_set_tlsext_host_name(connection, name);
}
static inline void stint_ssl_set_mode(SSL_CTX *context, long mode) { SSL_CTX_set_mode(context, mode); }
static inline void stint_ssl_set_read_ahead(SSL_CTX *context, int on) { SSL_CTX_set_read_ahead(context, on); }
static inline void stint_ssl_disable_session_cache(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}
static inline int stint_ssl_set_groups(SSL_CTX *context, const char *list) {
    return (int)SSL_CTX_set1_groups_list(context, list);
}
/// The signatures we make and accept.
static inline int stint_ssl_set_signatures(SSL_CTX *context, const char *list) {
    return SSL_CTX_set1_sigalgs_list(context, list) == 1 && SSL_CTX_set1_client_sigalgs_list(context, list) == 1;
}

// Certificates

static inline int stint_x509_stack_count(const STACK_OF(X509) *stack) { return stack ? sk_X509_num(stack) : 0; }
static inline X509 *stint_x509_stack_value(const STACK_OF(X509) *stack, int index) { return sk_X509_value(stack, index); }
/// A certificate that is sent behind our own. The context keeps a reference.
static inline int stint_ssl_add_chain(SSL_CTX *context, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(context, certificate);
}

// Errors

static inline int stint_error_reason(unsigned long code) { return ERR_GET_REASON(code); }
static const int stint_reason_unexpected_eof = SSL_R_UNEXPECTED_EOF_WHILE_READING;

/// An alert the peer sent is stored as 1000 + its number.
static const int stint_reason_alert_offset = SSL_AD_REASON_OFFSET;

// Key agreement, derivation and ciphers

static inline int stint_cipher_set_iv_length(EVP_CIPHER_CTX *context, int length) {
    return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, length, NULL);
}
static inline int stint_cipher_get_tag(EVP_CIPHER_CTX *context, void *tag, int length) {
    return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, length, tag);
}
static inline int stint_cipher_set_tag(EVP_CIPHER_CTX *context, void *tag, int length) {
    return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, length, tag);
}
static inline int stint_hkdf_set_digest(EVP_PKEY_CTX *context, const EVP_MD *digest) {
    return EVP_PKEY_CTX_set_hkdf_md(context, digest);
}
static inline int stint_hkdf_set_salt(EVP_PKEY_CTX *context, const unsigned char *salt, int length) {
    return EVP_PKEY_CTX_set1_hkdf_salt(context, salt, length);
}
static inline int stint_hkdf_set_key(EVP_PKEY_CTX *context, const unsigned char *key, int length) {
    return EVP_PKEY_CTX_set1_hkdf_key(context, key, length);
}
static inline int stint_hkdf_add_info(EVP_PKEY_CTX *context, const unsigned char *info, int length) {
    return EVP_PKEY_CTX_add1_hkdf_info(context, info, length);
}

// Key files

static inline long stint_bio_bytes(BIO *bio, const char **bytes) { return BIO_get_mem_data(bio, (char **)bytes); }
