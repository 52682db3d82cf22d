"use strict";(self.rspackChunknotebook_runner=self.rspackChunknotebook_runner||[]).push([[700],{20(r,e,o){var n=o(21),t=o.n(n),a=o(22),i=(o.n(a))()(t());i.push([r.id,`.jp-runner-Badge {
  display: flex;
  align-items: center;
}

.jp-runner-Badge-button {
  display: inline-flex;
  align-items: center;
  gap: 6px;
  height: 20px;
  padding: 0 8px;
  border: 1px solid var(--jp-border-color1);
  border-radius: 10px;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font: var(--jp-ui-font-size1) / 18px var(--jp-ui-font-family);
  white-space: nowrap;
  cursor: pointer;
}

.jp-runner-Badge-button:hover {
  background: var(--jp-layout-color2);
}

.jp-runner-Badge-button:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: 1px;
}

.jp-runner-Badge-dot {
  flex: none;
  width: 8px;
  height: 8px;
  border: 1.5px solid var(--jp-ui-font-color2);
  border-radius: 50%;
}

.jp-runner-Badge-button[data-tone='good'] .jp-runner-Badge-dot {
  border-color: var(--jp-success-color1);
  background: var(--jp-success-color1);
}

.jp-runner-Badge-button[data-tone='busy'] .jp-runner-Badge-dot {
  border-color: var(--jp-brand-color1);
  background: var(--jp-brand-color1);
  animation: jp-runner-breathe 1.2s ease-in-out infinite;
}

.jp-runner-Badge-button[data-tone='bad'] {
  border-color: var(--jp-error-color1);
  color: var(--jp-error-color1);
}

.jp-runner-Badge-button[data-tone='bad'] .jp-runner-Badge-dot {
  border-color: var(--jp-error-color1);
  background: var(--jp-error-color1);
}

@keyframes jp-runner-breathe {
  50% {
    opacity: 0.25;
  }
}

@media (prefers-reduced-motion: reduce) {
  .jp-runner-Badge-dot {
    animation: none !important;
  }
}

.jp-runner-Failed {
  box-shadow: inset 4px 0 0 var(--jp-error-color1);
}

.jp-runner-Failure {
  margin: 4px 0 4px
    calc(
      var(--jp-cell-collapser-width) + var(--jp-cell-prompt-width) +
        var(--jp-cell-padding)
    );
  padding: 6px 10px;
  border: 1px solid var(--jp-error-color1);
  border-left-width: 4px;
  border-radius: var(--jp-border-radius);
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font: var(--jp-ui-font-size1) / 1.5 var(--jp-ui-font-family);
  overflow-wrap: anywhere;
}

.jp-runner-Failure-error {
  color: var(--jp-error-color1);
  font-family: var(--jp-code-font-family);
  font-weight: 600;
}

.jp-runner-Failure-line {
  padding: 0;
  border: 0;
  background: none;
  color: var(--jp-content-link-color);
  font: inherit;
  text-decoration: underline;
  cursor: pointer;
}

.jp-runner-Failure code {
  font-family: var(--jp-code-font-family);
}

.jp-runner-Failure-note {
  color: var(--jp-ui-font-color2);
}

.jp-runner-Record {
  padding: 0 8px;
  color: var(--jp-ui-font-color2);
  font: var(--jp-ui-font-size1) / 24px var(--jp-ui-font-family);
  white-space: nowrap;
}

.jp-runner-Record[data-state='running']::before {
  content: '';
  display: inline-block;
  width: 8px;
  height: 8px;
  margin-right: 6px;
  border-radius: 50%;
  background: var(--jp-success-color1);
}
`,""]),o.d(e,{},{A:i})},22(r){r.exports=function(r){var e=[];return e.toString=function(){return this.map(function(e){var o="",n=void 0!==e[5];return e[4]&&(o+="@supports (".concat(e[4],") {")),e[2]&&(o+="@media ".concat(e[2]," {")),n&&(o+="@layer".concat(e[5].length>0?" ".concat(e[5]):""," {")),o+=r(e),n&&(o+="}"),e[2]&&(o+="}"),e[4]&&(o+="}"),o}).join("")},e.i=function(r,o,n,t,a){"string"==typeof r&&(r=[[null,r,void 0]]);var i={};if(n)for(var c=0;c<this.length;c++){var p=this[c][0];null!=p&&(i[p]=!0)}for(var u=0;u<r.length;u++){var d=[].concat(r[u]);n&&i[d[0]]||(void 0!==a&&(void 0===d[5]||(d[1]="@layer".concat(d[5].length>0?" ".concat(d[5]):""," {").concat(d[1],"}")),d[5]=a),o&&(d[2]&&(d[1]="@media ".concat(d[2]," {").concat(d[1],"}")),d[2]=o),t&&(d[4]?(d[1]="@supports (".concat(d[4],") {").concat(d[1],"}"),d[4]=t):d[4]="".concat(t)),e.push(d))}},e}},21(r){r.exports=function(r){return r[1]}},14(r){var e=[];function o(r){for(var o=-1,n=0;n<e.length;n++)if(e[n].identifier===r){o=n;break}return o}function n(r,n){for(var t={},a=[],i=0;i<r.length;i++){var c=r[i],p=n.base?c[0]+n.base:c[0],u=t[p]||0,d="".concat(p," ").concat(u);t[p]=u+1;var l=o(d),s={css:c[1],media:c[2],sourceMap:c[3],supports:c[4],layer:c[5]};if(-1!==l)e[l].references++,e[l].updater(s);else{var f=function(r,e){var o=e.domAPI(e);return o.update(r),function(e){e?(e.css!==r.css||e.media!==r.media||e.sourceMap!==r.sourceMap||e.supports!==r.supports||e.layer!==r.layer)&&o.update(r=e):o.remove()}}(s,n);n.byIndex=i,e.splice(i,0,{identifier:d,updater:f,references:1})}a.push(d)}return a}r.exports=function(r,t){var a=n(r=r||[],t=t||{});return function(r){r=r||[];for(var i=0;i<a.length;i++){var c=o(a[i]);e[c].references--}for(var p=n(r,t),u=0;u<a.length;u++){var d=o(a[u]);0===e[d].references&&(e[d].updater(),e.splice(d,1))}a=p}}},16(r){var e={};r.exports=function(r,o){var n=function(r){if(void 0===e[r]){var o=document.querySelector(r);if(window.HTMLIFrameElement&&o instanceof window.HTMLIFrameElement)try{o=o.contentDocument.head}catch(r){o=null}e[r]=o}return e[r]}(r);if(!n)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");n.appendChild(o)}},18(r){r.exports=function(r){var e=document.createElement("style");return r.setAttributes(e,r.attributes),r.insert(e,r.options),e}},17(r,e,o){r.exports=function(r){var e=o.nc;e&&r.setAttribute("nonce",e)}},15(r){r.exports=function(r){if("u"<typeof document)return{update:function(){},remove:function(){}};var e=r.insertStyleElement(r);return{update:function(o){var n,t,a;n="",o.supports&&(n+="@supports (".concat(o.supports,") {")),o.media&&(n+="@media ".concat(o.media," {")),(t=void 0!==o.layer)&&(n+="@layer".concat(o.layer.length>0?" ".concat(o.layer):""," {")),n+=o.css,t&&(n+="}"),o.media&&(n+="}"),o.supports&&(n+="}"),(a=o.sourceMap)&&"u">typeof btoa&&(n+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(a))))," */")),r.styleTagTransform(n,e,r.options)},remove:function(){var r;null===(r=e).parentNode||r.parentNode.removeChild(r)}}}},19(r){r.exports=function(r,e){if(e.styleSheet)e.styleSheet.cssText=r;else{for(;e.firstChild;)e.removeChild(e.firstChild);e.appendChild(document.createTextNode(r))}}},13(r,e,o){var n=o(14),t=o.n(n),a=o(15),i=o.n(a),c=o(16),p=o.n(c),u=o(17),d=o.n(u),l=o(18),s=o.n(l),f=o(19),v=o.n(f),j=o(20),b={};b.styleTagTransform=v(),b.setAttributes=d(),b.insert=p().bind(null,"head"),b.domAPI=i(),b.insertStyleElement=s(),t()(j.A,b),j.A&&j.A.locals&&j.A.locals}}]);