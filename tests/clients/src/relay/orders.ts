// A list of orders that grows page by page, an order's card, and what can be done with one.

import { graphql } from 'relay-runtime';

/** The screen. */
export const screen = graphql`
  query ordersScreenQuery($first: Int!, $filter: OrderFilter) {
    viewer {
      user {
        id
        displayName
      }
    }
    ...orders_list @arguments(first: $first, filter: $filter)
  }
`;

/** Its list: the next page is `ordersNextPageQuery`, which Relay writes. */
export const list = graphql`
  fragment orders_list on Query
  @refetchable(queryName: "ordersNextPageQuery")
  @argumentDefinitions(first: { type: "Int", defaultValue: 20 }, after: { type: "String" }, filter: { type: "OrderFilter" }) {
    orders(first: $first, after: $after, filter: $filter) @connection(key: "orders_list_orders", filters: ["filter"]) {
      __id
      edges {
        node {
          ...orders_card
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
      totalCount
    }
  }
`;

/** One order: `ordersCardQuery` gets it again by its id, through `node`. */
export const card = graphql`
  fragment orders_card on Order @refetchable(queryName: "ordersCardQuery") {
    id
    version
    number
    subject
    status
    total
    broker {
      id
      name
    }
  }
`;

/** What a refusal says, whatever the mutation. */
export const details = graphql`
  fragment orders_details on RefusalDetails {
    available
    toMove
    items
  }
`;

/** A new draft, put on top of the lists that are on the screen. */
export const create = graphql`
  mutation ordersCreateMutation($input: CreateOrderInput!, $lists: [ID!]!) {
    createOrder(input: $input) {
      order @prependNode(connections: $lists, edgeTypeName: "OrderEdge") {
        ...orders_card
      }
      userErrors {
        code
        message
        field
        details {
          ...orders_details
        }
      }
    }
  }
`;

/** A draft is submitted. */
export const submit = graphql`
  mutation ordersSubmitMutation($input: OrderInput!) {
    submitOrder(input: $input) {
      order {
        ...orders_card
      }
      userErrors {
        code
        message
        field
      }
    }
  }
`;

/** What happens to orders, from a cursor on. */
export const changes = graphql`
  subscription ordersChangesSubscription($id: ID, $after: String) {
    orderChanged(id: $id, after: $after) {
      kind
      cursor
      order {
        ...orders_card
      }
    }
  }
`;

/** Several objects at once, of any kind, by their ids. */
export const several = graphql`
  query ordersSeveralQuery($ids: [ID!]!) {
    nodes(ids: $ids) {
      __typename
      id
      ... on Order {
        ...orders_card @alias(as: "card")
      }
      ... on Account {
        name
      }
    }
  }
`;
