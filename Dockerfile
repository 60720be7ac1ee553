# One image for all roles: `docker run tidecast ingest|forecaster|gateway`, or without a role all of them.
FROM node:20.20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# The CPU library is in the package; its install script would fetch hundreds of megabytes for CUDA.
RUN ONNXRUNTIME_NODE_INSTALL=skip npm ci --no-fund --no-audit
COPY nest-cli.json tsconfig.json ./
COPY apps apps
COPY libs libs
COPY migrations migrations
COPY grafana grafana
RUN npm run build
# ONNX Runtime brings the binaries of every platform; this image has one.
RUN npm prune --omit=dev --no-fund --no-audit \
  && find node_modules/onnxruntime-node/bin/napi-v6 -mindepth 2 -maxdepth 2 -type d \
    -not -path "*/linux/$(node -p process.arch)" -exec rm -rf {} +

FROM node:20.20-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data
WORKDIR /app
RUN mkdir /data && chown node:node /data
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY apps/tidecast/demo apps/tidecast/demo
COPY models models
COPY LICENSE ./
USER node
# Only a process without DATABASE_URL keeps anything here: its embedded PostgreSQL.
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/apps/tidecast/src/cli.js"]
