import {
  type ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GoneException,
  PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";
import { isUnavailable } from "../aws.ts";
import type { Sockets } from "./sockets.ts";

/** A connection that takes its time must not hold up the frames of the others. */
const postMs = 2_000;

/** Connections that API Gateway holds. Silence and 5xx count as `busy`: the client's own repair is the same. */
export function apiGatewaySockets(client: ApiGatewayManagementApiClient): Sockets {
  return {
    async post(connectionId, frame) {
      try {
        await client.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data: frame }), {
          abortSignal: AbortSignal.timeout(postMs),
        });
        return "sent";
      } catch (error) {
        if (error instanceof GoneException) return "gone";
        if (isUnavailable(error)) return "busy";
        throw error;
      }
    },
    async close(connectionId) {
      try {
        await client.send(new DeleteConnectionCommand({ ConnectionId: connectionId }), {
          abortSignal: AbortSignal.timeout(postMs),
        });
      } catch (error) {
        // API Gateway closes it in the end, and its watches expire.
        if (!(error instanceof GoneException) && !isUnavailable(error)) throw error;
      }
    },
  };
}
