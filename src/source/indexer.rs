//! Source `indexer`: an OpenSearch or Elasticsearch that holds Wazuh documents.
